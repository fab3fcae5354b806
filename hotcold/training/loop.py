"""The training loop, Algorithms 1 and 3, one epoch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics import distributed
from hotcold.numerics.devices import autocast
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.rng import derive, generator
from hotcold.runtime.errors import UserError
from hotcold.training.step import Batch, Step

VALIDATION_BATCH = 500  # defines the order in which the validation noise is drawn


@dataclass(frozen=True)
class Examples:
    """images: (N, 1, 28, 28) uint8; labels: (N,) int64, for a network with classes."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> Examples:
        """The same on a device."""
        labels = None if self.labels is None else self.labels.to(device)
        return Examples(self.images.to(device), labels)


@dataclass(frozen=True)
class LoopSettings:
    """What all epochs share. stratified_t: see `draw_steps`; dtype: of matrix products;
    label_dropout: the share of labels that are unknown to the network in training."""

    batch_size: int
    seed: int
    dtype: torch.dtype = torch.float32
    stratified_t: bool = False
    label_dropout: float = 0.0


def draw_steps(count: int, T: int, g: torch.Generator, stratified: bool) -> Tensor:
    """t of a batch, (count,): each uniform on 1..T; if stratified, one from each of `count` equal
    parts of that range, so that every batch covers it, like Kingma et al. (2021, appendix I),
    whose parts have one common offset."""
    if not stratified:
        return torch.randint(1, T + 1, (count,), generator=g, device=g.device)
    position = torch.rand(count, generator=g, device=g.device)
    position = (torch.arange(count, device=g.device) + position) / count
    return (position * T).long().clamp(max=T - 1) + 1


def draw_batches(
    model: DiffusionModel, examples: Examples, settings: LoopSettings, epoch: int
) -> Iterator[Batch]:
    """The batches of an epoch, of which each rank gets its part.

    The order of the images, t and the noise follow from (seed, epoch) alone, and are the same for
    all models with one T and one kind of t and of noise; the last incomplete batch is dropped.
    Unknown labels follow after the noise.
    """
    images, labels = examples.images, examples.labels
    device, size = images.device, settings.batch_size
    g = generator(device, settings.seed, "train", epoch)
    order = torch.randperm(len(images), generator=g, device=device)
    for indices in order[: len(images) // size * size].split(size):
        x_0 = to_pixels(images[indices])
        t = draw_steps(size, model.process.T, g, settings.stratified_t)
        noise = model.process.draw_noise(x_0, g)
        batch = [x_0, t, noise]
        if labels is not None:
            unknown = torch.rand(size, generator=g, device=device) < settings.label_dropout
            batch.append(labels[indices].masked_fill(unknown, model.classes))
        yield tuple(map(distributed.shard, batch))


def train_epoch(
    step: Step,
    optimizer: torch.optim.Optimizer,
    examples: Examples,
    settings: LoopSettings,
    epoch: int,
    advance: Callable[[], None] = lambda: None,
) -> Tensor:
    """Train for one pass over the examples; the loss of each batch, (batches,).

    Dropout follows from (seed, epoch), like the batches. `advance` is called after each step.
    Raises UserError if a loss is not finite.
    """
    step.model.module.train()
    torch.manual_seed(derive(settings.seed, "dropout", epoch))
    losses = []  # read once an epoch, so that no step waits for the device
    for batch in draw_batches(step.model, examples, settings, epoch):
        losses.append(step(*batch))
        optimizer.step()
        advance()
    means = distributed.all_reduce(torch.stack(losses)) / distributed.size()
    bad = means.isfinite().logical_not().nonzero().flatten().tolist()
    where = f" from step {bad[0] + 1} on" if bad else ""
    _check_finite(means.mean().item(), "training", epoch, where)
    return means


@torch.no_grad()
def validate(
    model: DiffusionModel, examples: Examples, settings: LoopSettings, epoch: int
) -> float:
    """The mean loss over the examples, on a fixed set of (t, noise), with all labels known.

    The set is the same in each epoch, on every device and for all models of one kind of process:
    the same noise, and for every image the same t / T up to rounding to a step. The ranks share
    its batches.
    """
    model.module.eval()
    images, labels = examples.images, examples.labels
    device, process = images.device, model.process
    g = generator("cpu", settings.seed, "validation", process.validation)
    position = torch.rand(len(images), generator=g)
    steps = ((position * process.T).long().clamp(max=process.T - 1) + 1).to(device)
    total = torch.zeros((), device=device)
    batches = torch.arange(len(images), device=device).split(VALIDATION_BATCH)
    for number, indices in enumerate(batches):
        x_0, t = to_pixels(images[indices]), steps[indices]
        noise = process.draw_noise(x_0, g)
        if number % distributed.size() == distributed.rank():
            with autocast(device, settings.dtype):
                known = None if labels is None else labels[indices]
                total += model.loss(x_0, t, noise, known) * len(x_0)
    return _check_finite(distributed.all_reduce(total).item() / len(images), "validation", epoch)


def _check_finite(value: float, kind: str, epoch: int, where: str = "") -> float:
    if not math.isfinite(value):
        raise UserError(
            f"the {kind} loss of epoch {epoch} is {value}{where}: "
            "lower the model's learning_rate, or set precision to float32"
        )
    return value

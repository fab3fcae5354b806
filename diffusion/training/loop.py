"""The training loop, Algorithms 1 and 3, one epoch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffusion import mnist as data
from diffusion.models.degradations import Process
from diffusion.runtime import distributed as parallel
from diffusion.runtime.devices import autocast
from diffusion.runtime.errors import UserError
from diffusion.runtime.rng import derive, generator
from diffusion.training.loss import loss

VALIDATION_BATCH = 500  # fixes the order in which the validation noise is drawn


def train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    process: Process,
    images: Tensor,
    batch_size: int,
    seed: int,
    epoch: int,
    dtype: torch.dtype,
    advance: Callable[[], None],
    prediction: str | None = None,
    stratified: bool = False,
) -> float:
    """One pass over images, (N, 1, 28, 28) uint8; the mean loss of its batches, of which each
    process does its part.

    The order of images, t (uniform on 1..T), noise and dropout follow from (seed, epoch) alone,
    the same for every model; the last incomplete batch is dropped. `advance` is called after
    each step. prediction: see diffusion.models.predictions; stratified: see `_steps`.
    Raises UserError where the loss is not finite.
    """
    network.train()
    device = images.device
    g = generator(device, seed, "train", epoch)
    torch.manual_seed(derive(seed, "dropout", epoch))
    order = torch.randperm(len(images), generator=g, device=device)
    steps = len(images) // batch_size
    losses = []  # read once an epoch: no waiting for the device
    for indices in order[: steps * batch_size].split(batch_size):
        x_0 = data.to_pixels(images[indices])
        t = _steps(len(x_0), process.T, g, stratified)
        field = process.field(x_0, g)
        x_0, t, field = (parallel.mine(whole) for whole in (x_0, t, field))
        with autocast(device, dtype):
            batch_loss = loss(network, process, x_0, t, field, prediction)
        optimizer.zero_grad(set_to_none=True)
        batch_loss.backward()
        optimizer.step()
        losses.append(batch_loss.detach())
        advance()
    found = parallel.total(torch.stack(losses)) / parallel.size()
    wrong = found.isfinite().logical_not().nonzero().flatten().tolist()
    where = f" from step {wrong[0] + 1} on" if wrong else ""
    return _finite(found.mean().item(), "training", epoch, where)


def _steps(count: int, T: int, g: torch.Generator, stratified: bool) -> Tensor:
    """t of a batch, (count,): each uniform on 1..T; if stratified, one from each of `count` equal
    parts of that range, so that every batch has seen all of it (Kingma et al. 2021, appendix I)."""
    if not stratified:
        return torch.randint(1, T + 1, (count,), generator=g, device=g.device)
    place = torch.rand(count, generator=g, device=g.device)
    place = (torch.arange(count, device=g.device) + place) / count
    return (place * T).long().clamp(max=T - 1) + 1


@torch.no_grad()
def validate(
    network: nn.Module,
    process: Process,
    images: Tensor,
    seed: int,
    epoch: int,
    dtype: torch.dtype,
    prediction: str | None = None,
) -> float:
    """Mean loss over images, (N, 1, 28, 28) uint8, on one fixed bank of (t, noise); the processes
    take its batches in turn.

    The bank is the same in each epoch and for all models of a kind: the same noise, and for
    every image the same t / T up to rounding to a step.
    """
    network.eval()
    device = images.device
    g = generator(device, seed, "validation", type(process).__name__)
    position = torch.rand(len(images), generator=g, device=device)
    steps = (position * process.T).long().clamp(max=process.T - 1) + 1
    total = torch.zeros((), device=device)
    batches = torch.arange(len(images), device=device).split(VALIDATION_BATCH)
    for number, indices in enumerate(batches):
        x_0, t = data.to_pixels(images[indices]), steps[indices]
        field = process.field(x_0, g)
        if number % parallel.size() == parallel.rank():
            with autocast(device, dtype):
                total += loss(network, process, x_0, t, field, prediction) * len(x_0)
    return _finite(parallel.total(total).item() / len(images), "validation", epoch)


def _finite(value: float, kind: str, epoch: int, where: str = "") -> float:
    if not math.isfinite(value):
        raise UserError(
            f"the {kind} loss of epoch {epoch} is {value}{where}: "
            "lower the model's learning_rate, or set training.precision to float32"
        )
    return value

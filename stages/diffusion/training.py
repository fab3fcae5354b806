"""The training loop, Algorithms 1 and 3, one epoch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from stages.diffusion import data, parallel
from stages.diffusion.degradations import Gaussian, Impulse
from stages.diffusion.devices import autocast
from stages.diffusion.objectives import loss
from stages.diffusion.randomness import derive, generator
from stages.errors import UserError

VALIDATION_BATCH = 500  # fixes the order in which the validation noise is drawn


def train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    process: Gaussian | Impulse,
    images: Tensor,
    batch_size: int,
    seed: int,
    epoch: int,
    dtype: torch.dtype,
    advance: Callable[[], None],
) -> float:
    """One pass over images, (N, 1, 28, 28) uint8; the mean loss of its batches, of which each
    process does its part.

    The order of images, t (uniform on 1..T), noise and dropout follow from (seed, epoch) alone,
    the same for every model; the last incomplete batch is dropped. `advance` is called after
    each step. Raises UserError where the loss is not finite.
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
        t = torch.randint(1, process.T + 1, (len(x_0),), generator=g, device=device)
        field = process.field(x_0, g)
        with autocast(device, dtype):
            batch_loss = loss(network, process, *map(parallel.mine, (x_0, t, field)))
        optimizer.zero_grad(set_to_none=True)
        batch_loss.backward()
        optimizer.step()
        losses.append(batch_loss.detach())
        advance()
    found = parallel.total(torch.stack(losses)) / parallel.size()
    wrong = found.isfinite().logical_not().nonzero().flatten().tolist()
    where = f" from step {wrong[0] + 1} on" if wrong else ""
    return _finite(found.mean().item(), "training", epoch, where)


@torch.no_grad()
def validate(
    network: nn.Module,
    process: Gaussian | Impulse,
    images: Tensor,
    seed: int,
    epoch: int,
    dtype: torch.dtype,
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
                total += loss(network, process, x_0, t, field) * len(x_0)
    return _finite(parallel.total(total).item() / len(images), "validation", epoch)


def _finite(value: float, kind: str, epoch: int, where: str = "") -> float:
    if not math.isfinite(value):
        raise UserError(
            f"the {kind} loss of epoch {epoch} is {value}{where}: "
            "lower the model's learning_rate, or set training.precision to float32"
        )
    return value

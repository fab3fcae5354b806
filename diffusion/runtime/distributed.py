"""One model on several processes: each works on an equal part of every batch.

Every process draws the random numbers of the whole batch and takes its part of them, so that
images, order and noise of a run do not depend on the number of processes. Alone, a process has
the whole.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

Part = TypeVar("Part")


def rank() -> int:
    """The number of this process, from 0 on."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def mine(batch: Tensor) -> Tensor:
    """This process's part of a whole batch, (N, ...) -> (N / size, ...); size divides N."""
    return batch.chunk(size())[rank()]


def total(x: Tensor) -> Tensor:
    """The sum of x over the processes, on all of them."""
    if size() > 1:
        dist.all_reduce(x)
    return x


def from_first(value: Part) -> Part:
    """What the first process gives, on all of them."""
    if size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


def together(parts: dict[int, Part]) -> dict[int, Part]:
    """The parts of all processes, on all of them."""
    if size() == 1:
        return parts
    found: list[dict[int, Part]] = [{}] * size()
    dist.all_gather_object(found, parts)
    return {key: part for each in found for key, part in each.items()}


def wait() -> None:
    """Until every process has come here."""
    together({})


def averaging(network: nn.Module, device: torch.device) -> nn.Module:
    """The network, with gradients that are averaged over the processes as they are computed."""
    if size() == 1:
        return network
    devices = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=devices)

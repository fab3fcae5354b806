"""One model on several ranks: each rank computes an equal part of every batch.

Every rank draws the random numbers of the full batch and keeps its part, so the images, their order
and the noise of a run do not depend on the number of ranks. A single rank has the full batch.
"""

import os
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hotcold.runtime.startup import LAUNCHED

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}  # device -> how its ranks communicate

Value = TypeVar("Value")


def share_cores(ranks: int) -> None:
    """Give each of the ranks that this process will start on this machine its part of the cores,
    unless OMP_NUM_THREADS has their number of threads, which changes the rounding."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // ranks)))


def rank() -> int:
    """The number of this rank, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_rank_zero() -> bool:
    """Whether this rank prints and writes outputs; right before the ranks are connected, too."""
    if dist.is_initialized() or LAUNCHED not in os.environ:
        return rank() == 0
    return os.environ.get("RANK", "0") == "0"


def shard(batch: Tensor) -> Tensor:
    """The part of a full batch that belongs to this rank, (N, ...) -> (N / size, ...)."""
    return batch.chunk(size())[rank()]


def all_reduce(x: Tensor) -> Tensor:
    """The sum of x over the ranks, on every rank."""
    if size() > 1:
        dist.all_reduce(x)
    return x


def broadcast(value: Value) -> Value:
    """The value of rank 0, on every rank."""
    if size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


def all_gather(parts: dict[int, Value]) -> dict[int, Value]:
    """The entries of all ranks, on every rank."""
    if size() == 1:
        return parts
    gathered: list[dict[int, Value]] = [{}] * size()
    dist.all_gather_object(gathered, parts)
    return {key: part for each in gathered for key, part in each.items()}


def barrier() -> None:
    """Wait until every rank has come here."""
    all_gather({})


def wrap_ddp(network: nn.Module, device: torch.device) -> nn.Module:
    """The network, with gradients that are averaged over the ranks as they are computed."""
    if size() == 1:
        return network
    devices = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=devices)

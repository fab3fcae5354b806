"""Randomness as an argument: every stream of random numbers has a name, and its seed follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

CHUNK = 100  # images that share a generator; part of the definition of the results

Draw = Callable[[Tensor], Tensor]  # a tensor -> random numbers of its shape, dtype and device


def derive(seed: int, *name: str | int) -> int:
    """A seed in [0, 2^63) for the stream called `name`; streams of other names are unrelated."""
    text = "/".join(map(str, (seed, *name)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(device: torch.device | str, seed: int, *name: str | int) -> torch.Generator:
    """A generator on `device` for the stream called `name`."""
    return torch.Generator(device).manual_seed(derive(seed, *name))


class Chunked:
    """Random numbers for a batch of whole chunks, each chunk with a generator of its own.

    Images then do not depend on how many chunks are worked on at once.
    """

    def __init__(self, sizes: list[int], generators: list[torch.Generator]) -> None:
        self.sizes, self.generators = sizes, generators

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers; like: (sum of sizes, ...)."""
        return self._draw(torch.randn, like)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers in [0, 1); like: (sum of sizes, ...)."""
        return self._draw(torch.rand, like)

    def _draw(self, function: Callable[..., Tensor], like: Tensor) -> Tensor:
        return torch.cat(
            [
                function(size, *like.shape[1:], generator=g, device=like.device, dtype=like.dtype)
                for size, g in zip(self.sizes, self.generators, strict=True)
            ]
        )

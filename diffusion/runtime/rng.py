"""Random numbers as an argument: every stream has a name, from which its seed follows.

A generator on the CPU gives the same numbers on every machine. Noise that defines results, as in
sampling and validation, is therefore drawn there and then moved to the device that computes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

CHUNK = 100  # images that share a generator; part of the definition of the results

Draw = Callable[[Tensor], Tensor]  # a tensor -> random numbers of its shape, dtype and device


def derive(seed: int, *name: str | int) -> int:
    """A seed in [0, 2^63) for the stream `name`; streams of different names are independent."""
    text = "/".join(map(str, (seed, *name)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(device: torch.device | str, seed: int, *name: str | int) -> torch.Generator:
    """A generator on `device` for the stream `name`."""
    return torch.Generator(device).manual_seed(derive(seed, *name))


class Stream:
    """A stream of random numbers: a seed and a name."""

    def __init__(self, seed: int, *name: str | int) -> None:
        self.seed, self.name = seed, name

    def generator(self, chunk: int) -> torch.Generator:
        """The generator, on the CPU, of a chunk of images, counted from 0."""
        return generator("cpu", self.seed, *self.name, chunk)


class ChunkedNoise:
    """Random numbers for a batch of chunks of images, with one generator for each chunk.

    The images therefore do not depend on the number of chunks in a batch. The numbers are drawn
    on the device of the generators and moved to that of `like`.
    """

    def __init__(self, sizes: Sequence[int], generators: Sequence[torch.Generator]) -> None:
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
                function(size, *like.shape[1:], generator=g, device=g.device, dtype=like.dtype)
                for size, g in zip(self.sizes, self.generators, strict=True)
            ]
        ).to(like.device)

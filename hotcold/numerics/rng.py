"""Random numbers as an argument: every stream has a name, from which its seed follows.

A generator on the CPU gives the same numbers on every machine. Noise that defines results, as in
sampling and validation, is therefore drawn there and then moved to the device that computes.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

CHUNK = 100  # images that share a generator; part of the definition of the results

AHEAD = 2  # requests whose numbers are drawn in advance
THREADS = 4  # that draw them: one needs 6 ms for 1000 images, longer than a step of a small model

Fill = Callable[..., Tensor]  # fill(tensor, generator=g) replaces its values by random numbers


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
    """Random numbers for a batch of chunks of images, with one generator on the CPU for each chunk.

    The images therefore depend neither on the number of chunks in a batch nor on the device. The
    numbers are moved to that of `like`.
    """

    def __init__(self, sizes: Sequence[int], generators: Sequence[torch.Generator]) -> None:
        self.sizes, self.generators = sizes, generators

    def __enter__(self) -> ChunkedNoise:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers; like: (sum of sizes, ...)."""
        return self._draw(Tensor.normal_, like)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers in [0, 1); like: (sum of sizes, ...)."""
        return self._draw(Tensor.uniform_, like)

    def _draw(self, fill: Fill, like: Tensor) -> Tensor:
        noise = torch.empty(like.shape, dtype=like.dtype)
        _fill(fill, noise.split(self.sizes), self.generators)
        return noise.to(like.device)


@torch.inference_mode()
def _fill(fill: Fill, parts: Sequence[Tensor], generators: Sequence[torch.Generator]) -> None:
    for part, g in zip(parts, generators, strict=True):
        fill(part, generator=g)


class NoiseAhead(ChunkedNoise):
    """The same numbers, drawn by threads while a GPU computes, so that it does not wait for them.

    All requests must be like the first one, as they are in a sampler. Each thread draws for its
    own chunks. Leaving the context ends the threads.
    """

    def __init__(self, sizes: Sequence[int], generators: Sequence[torch.Generator]) -> None:
        super().__init__(sizes, generators)
        self.threads = [ThreadPoolExecutor(1) for _ in range(min(THREADS, len(sizes)))]
        self.request: tuple[Fill, torch.Size, torch.dtype] | None = None
        self.drawn: deque[tuple[Tensor, list[Future[None]]]] = deque()

    def __exit__(self, *_: object) -> None:
        for thread in self.threads:
            thread.shutdown(cancel_futures=True)

    def _draw(self, fill: Fill, like: Tensor) -> Tensor:
        request = (fill, like.shape, like.dtype)
        if self.request not in (None, request):
            raise ValueError(f"the request is {request}, must be {self.request} like the first")
        self.request = request
        while len(self.drawn) <= AHEAD:
            self._start(*request)
        noise, futures = self.drawn.popleft()
        for future in futures:
            future.result()
        return noise.to(like.device, non_blocking=True)

    def _start(self, fill: Fill, shape: torch.Size, dtype: torch.dtype) -> None:
        noise = torch.empty(shape, dtype=dtype, pin_memory=torch.cuda.is_available())
        parts, count = noise.split(self.sizes), len(self.threads)
        futures = [
            thread.submit(_fill, fill, parts[first::count], self.generators[first::count])
            for first, thread in enumerate(self.threads)
        ]
        self.drawn.append((noise, futures))

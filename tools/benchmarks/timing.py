"""Variants of the same work, timed in turn, and the memory that each of them needs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PEAK = (
    "import resource, subprocess, sys\n"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
)


@dataclass(frozen=True)
class Variant:
    """One implementation of some work. run() does `units` of its `total` units.

    flops: floating point operations in a unit, 0 if unknown; dtype: of the matrix products.
    command: what run() starts, if another process does the work.
    """

    name: str
    run: Callable[[], object]
    units: float = 1
    total: float = 1
    flops: float = 0
    dtype: str = ""
    command: tuple[str, ...] = ()

    def cost(self, seconds: float) -> float:
        """Seconds for all units, from the seconds of one run."""
        return seconds / self.units * self.total


def interleaved(variants: list[Variant], repetitions: int) -> list[list[float]]:
    """Seconds of the repetitions of each variant. The variants take turns after one run each that
    is not timed, so that other work on the machine affects all of them."""
    for variant in variants:
        variant.run()
    seconds: list[list[float]] = [[] for _ in variants]
    for _ in range(repetitions):
        for variant, times in zip(variants, seconds, strict=True):
            start = time.perf_counter()
            variant.run()
            times.append(time.perf_counter() - start)
    return seconds


def results(variants: list[Variant], seconds: list[list[float]]) -> list[dict[str, Any]]:
    """One row for each variant: medians over repetitions. `speedup` is relative to the first
    variant, also the median over repetitions."""
    costs = [[v.cost(s) for s in times] for v, times in zip(variants, seconds, strict=True)]
    return [
        {
            "variant": variant.name,
            "seconds": times,
            "units": variant.units,
            "total": variant.total,
            "cost": statistics.median(cost),
            "speedup": statistics.median(a / b for a, b in zip(costs[0], cost, strict=True)),
            "gflops": variant.flops * variant.total / statistics.median(cost) / 1e9,
            "dtype": variant.dtype,
        }
        for variant, times, cost in zip(variants, seconds, costs, strict=True)
    ]


def peak_memory(command: Sequence[str], folder: Path) -> float:
    """Maximum resident memory in GB of a command, or of the largest process that it waits for.

    A small process in between starts the command: Linux attributes to a new process the memory of
    the process that starts it, and this one may be large.
    """
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    return int(done.stdout) * unit / 1e9

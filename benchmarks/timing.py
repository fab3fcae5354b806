"""Ways to do the same thing, timed in turns, and the memory that each needs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PEAK = (
    "import resource, subprocess, sys\n"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
)


@dataclass(frozen=True)
class Way:
    """run() does `units` of a work of which a whole has `whole`.

    flops: floating point operations a unit, where they were counted; dtype: of its products.
    command: what run() starts, where the work is done in another process.
    """

    name: str
    run: Callable[[], object]
    units: float = 1
    whole: float = 1
    flops: float = 0
    dtype: str = ""
    command: tuple[str, ...] = ()

    def cost(self, seconds: float) -> float:
        """Seconds of the whole work, from those of one run."""
        return seconds / self.units * self.whole


def interleaved(ways: list[Way], repetitions: int) -> list[list[float]]:
    """Seconds of each way's repetitions, taken in turns after one run each that does not count,
    so that what else the machine does meets all of them."""
    for way in ways:
        way.run()
    seconds: list[list[float]] = [[] for _ in ways]
    for _ in range(repetitions):
        for way, own in zip(ways, seconds, strict=True):
            start = time.perf_counter()
            way.run()
            own.append(time.perf_counter() - start)
    return seconds


def results(ways: list[Way], seconds: list[list[float]]) -> list[dict]:
    """One row a way: medians over repetitions; `ratio` is how many times faster than the first
    way it is, the median over repetitions too."""
    costs = [[way.cost(s) for s in own] for way, own in zip(ways, seconds, strict=True)]
    return [
        {
            "way": way.name,
            "seconds": own,
            "units": way.units,
            "whole": way.whole,
            "cost": statistics.median(cost),
            "ratio": statistics.median(a / b for a, b in zip(costs[0], cost, strict=True)),
            "gflops": way.flops * way.whole / statistics.median(cost) / 1e9,
            "dtype": way.dtype,
        }
        for way, own, cost in zip(ways, seconds, costs, strict=True)
    ]


def peak_memory(command: Sequence[str], folder: Path) -> float:
    """Largest resident memory in GB of a command, or of the largest process that it waits for.

    A process between starts it: Linux counts the memory of the one that starts a process as
    that process's own, and this one may be large.
    """
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return int(done.stdout) * unit / 1e9

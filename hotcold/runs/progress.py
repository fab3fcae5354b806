"""Progress with the time that remains: a bar on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from hotcold.numerics.distributed import is_rank_zero

SECONDS_BETWEEN_LINES = 20


class Progress:
    """with Progress("train model1", total) as bar: ... bar.advance(); bar.note("epoch 3 ...")."""

    def __init__(self, label: str, total: int, unit: str = "step", done: int = 0) -> None:
        """done: steps of an earlier run, which do not count for the speed of this one."""
        terminal = sys.stderr.isatty() and is_rank_zero()
        self.label, self.total, self.done, self.before = label, total, done, done
        self.start = self.printed = time.monotonic()
        self.bar = (
            tqdm(total=total, initial=done, desc=label, unit=unit, dynamic_ncols=True, leave=False)
            if terminal
            else None
        )

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        if self.bar:
            self.bar.update(steps)
        elif time.monotonic() - self.printed > SECONDS_BETWEEN_LINES:
            self.printed = time.monotonic()
            pace = (self.printed - self.start) / (self.done - self.before)
            left = pace * (self.total - self.done)
            print(
                f"{self.label}: {self.done} of {self.total}, {tqdm.format_interval(left)} left",
                flush=True,
            )

    def note(self, text: str) -> None:
        """Print a line that remains above the bar."""
        tqdm.write(text) if self.bar else print(text, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.close()

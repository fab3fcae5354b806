"""Numbers and intervals as text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from hotcold.reporting.reading.results import Scores
from hotcold.scores import decimals


def number(value: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits; a dash for None or NaN."""
    if value is None or value != value:
        return "–"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def count(value: int) -> str:
    """A whole number, with a comma in front of every three digits from 10,000 on."""
    return f"{value:,}" if value >= 10_000 else str(value)


def fixed(value: float | None, key: str) -> str:
    """A score with the decimals of its column; a dash for None or NaN."""
    if value is None or value != value:
        return "–"
    return f"{value:.{decimals(key)}f}".replace("-", "−")


def interval(scores: Scores, key: str) -> str:
    """A score with its 95 % interval, with the decimals of its column: 3.05 [2.56, 3.54]."""
    low, high = bounds(scores, key)
    return f"{fixed(scores[key], key)} [{fixed(low, key)}, {fixed(high, key)}]"


def values(rows: Sequence[Scores], key: str) -> str:
    """A score of several sets of images: 3.52, 4.16 and 3.42."""
    return names([fixed(row[key], key) for row in rows])


def bounds(scores: Scores, key: str) -> tuple[float, float]:
    """The 95 % interval of a score."""
    return scores[key] - scores[f"{key}_below"], scores[key] + scores[f"{key}_above"]


def difference(a: Scores, b: Scores, key: str) -> tuple[float, float]:
    """b minus a of a score, and half of its 95 % interval if both are of independent images, which
    is too wide if they share noise."""
    halves = [(each[f"{key}_below"] + each[f"{key}_above"]) / 2 for each in (a, b)]
    return b[key] - a[key], math.hypot(*halves)


def differs(a: Scores, b: Scores, key: str) -> bool:
    """Whether the 95 % interval of the difference of a score excludes 0."""
    value, half = difference(a, b, key)
    return abs(value) > half


def change(a: Scores, b: Scores, key: str) -> str:
    """The difference b minus a with its interval: −1.42 [−1.97, −0.87]."""
    value, half = difference(a, b, key)
    return signed(value, value - half, value + half, key)


def signed(value: float, low: float, high: float, key: str) -> str:
    """A difference of a score with its interval."""
    value_, low_, high_ = (f"{x:+.{decimals(key)}f}".replace("-", "−") for x in (value, low, high))
    return f"{value_} [{low_}, {high_}]"


def gain(scores: Scores, key: str) -> str:
    """A score that is a difference, with its interval."""
    return signed(scores[key], *bounds(scores, key), key)


def counted(count: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def names(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'; 'model5 to model9' if more than two follow one another."""
    numbered = re.fullmatch(r"(\D+)(\d+)", items[0])
    if numbered and len(items) > 2:
        stem, first = numbered[1], int(numbered[2])
        if list(items) == [f"{stem}{first + i}" for i in range(len(items))]:
            return f"{items[0]} to {items[-1]}"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"

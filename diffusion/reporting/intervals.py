"""Intervals in closed form."""

from __future__ import annotations

import numpy as np

Z_95 = 1.959964  # two-sided 95 % quantile of the standard normal


def wilson(count: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """95 % score interval (low, high) of a share of which `count` of `n` were seen.

    Wilson 1927; right at shares near 0, where the normal one is not.
    """
    share = count / n
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)  # rounding apart

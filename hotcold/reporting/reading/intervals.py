"""95 % intervals of proportions."""

from __future__ import annotations

import numpy as np

Z_95 = 1.959964  # two-sided 95 % quantile of the standard normal distribution


def wilson(count: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % score interval (low, high) of a proportion, from `count` of `n`.

    Wilson 1927; unlike the normal approximation, it holds for proportions near 0.
    """
    share = count / n
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # Rounding must not exclude the share.
    return np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)

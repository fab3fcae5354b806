"""Figures 6 and 12: predicted digits; their calibration, and the confusions of the classifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from diffusion.reporting.results import ModelResults, by_kind
from diffusion.reporting.style import REAL, Gallery, wrapped_panels

Z_95 = 1.959964  # two-sided 95 % quantile of the standard normal distribution


def draw(
    gallery: Gallery,
    models: Iterable[ModelResults],
    frequencies: np.ndarray,
    confusion: Sequence[Sequence[int]],
) -> None:
    """Shares of predicted digits, and their ratios to the real frequencies.

    frequencies: of the real digits, (10,). confusion: see results/classifier/scores.json.
    """
    models, colours = list(models), gallery.colours
    counts = {model.name: count_digits(model) for model in models}
    for kind, group in by_kind(models).items():
        of_group = {model.name: counts[model.name] for model in group}
        gallery.add_lines(f"classes_{kind}", draw_shares(of_group, colours, frequencies))
    gallery.add_lines("calibration", draw_calibration(counts, colours, frequencies))
    gallery.add_lines("confusion", draw_confusion(np.array(confusion)))


def count_digits(model: ModelResults) -> np.ndarray:
    """How many images of the best checkpoint are classified as each digit, (10,)."""
    return np.bincount([int(row["digit"]) for row in model.best_predictions], minlength=10)


def wilson(count: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % score interval (low, high) of a proportion, from `count` of `n`.

    Wilson 1927; unlike the normal approximation, it holds for proportions near 0.
    """
    share = count / n
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # Rounding must not exclude the share.
    return np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)


def draw_shares(
    counts: Mapping[str, np.ndarray], colours: Mapping[str, str], real: np.ndarray
) -> Figure:
    """Share of each predicted digit, one panel for each model, the real frequencies as steps."""
    figure, axes = wrapped_panels(len(counts), 2.6)
    for axis, (name, count) in zip(axes, counts.items(), strict=True):
        axis.bar(range(10), count / count.sum(), color=colours[name])
        axis.step(np.arange(-0.5, 10), [real[0], *real], color=REAL, label="test images")
        axis.set(title=name, xlabel="predicted digit", xticks=range(10))
        axis.grid(visible=False, axis="x")
        axis.legend()
    axes[0].set_ylabel("share of images")
    return figure


def draw_calibration(
    counts: Mapping[str, np.ndarray], colours: Mapping[str, str], real: np.ndarray
) -> Figure:
    """Share of each predicted digit over its real frequency, one panel for each model, with
    Wilson intervals."""
    figure, axes = wrapped_panels(len(counts), 2.5)
    for axis, (name, count) in zip(axes, counts.items(), strict=True):
        share, (low, high) = count / count.sum() / real, wilson(count, count.sum())
        sides = [share - low / real, high / real - share]
        axis.axhline(1, color=REAL, ls=":")
        axis.errorbar(range(10), share, sides, fmt="o", ms=4, color=colours[name], lw=1.2)
        axis.set(title=name, xlabel="predicted digit", xticks=range(10))
    axes[0].set_ylabel("share / real frequency")
    return figure


def draw_confusion(matrix: np.ndarray) -> Figure:
    """Counts by true digit (rows) and predicted digit (columns); wrong predictions are shaded."""
    figure, axis = plt.subplots(figsize=(4.4, 4.2))
    wrong = np.where(np.eye(10, dtype=bool), 0, matrix)
    axis.imshow(wrong, cmap="Oranges", vmax=max(1.6 * wrong.max(), 1))
    for i, j in np.ndindex(matrix.shape):
        axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=7)
    axis.set(xlabel="predicted digit", ylabel="true digit", xticks=range(10), yticks=range(10))
    axis.grid(visible=False)
    return figure

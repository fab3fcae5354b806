"""Figures 6 and 12: predicted digits; their calibration, and the confusions of the classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hotcold.reporting.figures.style import REAL, SMALL, Gallery, label, panels
from hotcold.reporting.reading.intervals import wilson
from hotcold.reporting.reading.published import Published
from hotcold.reporting.reading.results import ModelResults, by_kind, known_and_further


def draw(
    gallery: Gallery,
    models: Sequence[ModelResults],
    frequencies: np.ndarray,
    confusion: Sequence[Sequence[int]],
    published: Published,
) -> None:
    """Shares of predicted digits, those of the published models by kind of degradation, and their
    ratios to the real frequencies.

    frequencies: of the real digits, (10,). confusion: see results/classifier/scores.json.
    """
    colours, counts = gallery.colours, {m.name: m.digit_counts(m.best["main"]) for m in models}
    here, _ = known_and_further(models, published["models"])
    for kind, group in by_kind(here).items():
        of_group = {model.name: counts[model.name] for model in group}
        gallery.add(f"classes_{kind}", draw_shares(of_group, colours, frequencies))
    gallery.add("calibration", draw_calibration(counts, colours, frequencies))
    gallery.add("confusion", draw_confusion(np.array(confusion)))
    columns = ("model", "digit", "images", "share", "low", "high", "real")
    gallery.add_table("digits", columns, rows(counts, frequencies))
    by_digit = (f"predicted_{digit}" for digit in range(10))
    gallery.add_table(
        "confusion", ("digit", *by_digit), ((i, *row) for i, row in enumerate(confusion))
    )


def rows(counts: Mapping[str, np.ndarray], real: np.ndarray) -> Iterator[tuple[object, ...]]:
    """The share of each predicted digit with its interval, and its real frequency, by model."""
    for name, count in counts.items():
        shares = zip(count / count.sum(), *wilson(count, count.sum()), real, strict=True)
        for digit, values in enumerate(shares):
            yield name, digit, count[digit], *(f"{value:.4f}" for value in values)


def draw_shares(
    counts: Mapping[str, np.ndarray], colours: Mapping[str, str], real: np.ndarray
) -> Figure:
    """Share of each predicted digit, one panel for each model, the real frequencies as steps."""
    figure, axes = panels(len(counts), 2, 2.3, sharey=True)
    for axis, (name, count) in zip(axes, counts.items(), strict=True):
        axis.bar(range(10), count / count.sum(), color=colours[name])
        axis.step(np.arange(-0.5, 10), [real[0], *real], color="0", lw=1.2, label="test images")
        axis.set(title=name, xticks=range(10))
        axis.grid(visible=False, axis="x")
    label(figure, axes, "predicted digit", "share of images")
    return figure


def draw_calibration(
    counts: Mapping[str, np.ndarray], colours: Mapping[str, str], real: np.ndarray
) -> Figure:
    """Share of each predicted digit over its real frequency, one panel for each model, with
    Wilson intervals."""
    figure, axes = panels(len(counts), 4, 2.0, sharey=True)
    for axis, (name, count) in zip(axes, counts.items(), strict=True):
        share, (low, high) = count / count.sum() / real, wilson(count, count.sum())
        sides = [share - low / real, high / real - share]
        axis.axhline(1, color=REAL, ls=":", label="as frequent as in the test images")
        axis.errorbar(range(10), share, sides, fmt="o", ms=4, color=colours[name], lw=1.2)
        axis.set(title=name, xticks=range(10))
    label(figure, axes, "predicted digit", "share / real frequency")
    return figure


def draw_confusion(matrix: np.ndarray) -> Figure:
    """Counts by true digit (rows) and predicted digit (columns); wrong predictions are shaded."""
    figure, axis = plt.subplots(figsize=(4.6, 4.3))
    wrong = np.where(np.eye(10, dtype=bool), 0, matrix)
    shading = np.zeros((*matrix.shape, 4))  # transparent, so that it suits any paper
    shading[..., :3], shading[..., 3] = to_rgb("C4"), 0.8 * wrong / max(wrong.max(), 1)
    axis.imshow(shading)
    for i, j in np.ndindex(matrix.shape):
        axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=SMALL)
    axis.set(xlabel="predicted digit", ylabel="true digit", xticks=range(10), yticks=range(10))
    axis.grid(visible=False)
    return figure

"""Arrays -> figures. Images are uint8 and all shown on the one scale 0..255."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

# Okabe and Ito's palette, told apart by colour-blind readers; a model keeps its colour.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
REAL = "0.45"

STYLE = {
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
plt.rcParams.update(STYLE)


def colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write a PNG without the program's version in it, so that the same content is the same
    bytes."""
    figure.savefig(path, dpi=dpi, metadata={"Software": None})
    plt.close(figure)


def image_rows(
    rows: Sequence[np.ndarray],
    row_labels: Sequence[str],
    column_labels: Sequence[str] = (),
    gap: int = 2,
) -> Figure:
    """Rows of images, each (n, 28, 28) uint8, with a label at the left of each row."""
    columns = max(len(row) for row in rows)
    side = rows[0].shape[-1]
    canvas = np.full((len(rows) * (side + gap) - gap, columns * (side + gap) - gap), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            y, x = i * (side + gap), j * (side + gap)
            canvas[y : y + side, x : x + side] = image
    height = 0.62 * len(rows) + (0.3 if len(column_labels) else 0.1)
    width = 0.62 * columns + 0.4 + 0.09 * max(len(label) for label in row_labels)
    figure, axis = plt.subplots(figsize=(width, max(height, 1.0)))
    axis.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    middle = (side - 1) / 2
    axis.set_yticks([i * (side + gap) + middle for i in range(len(rows))], row_labels)
    axis.set_xticks([j * (side + gap) + middle for j in range(len(column_labels))], column_labels)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return figure


def losses(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    colours: Mapping[str, str],
    published: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    scale: str,
) -> Figure:
    """One panel a model: (epoch, training, validation), the published curve in grey behind."""
    figure, axes = plt.subplots(
        1, len(curves), figsize=(3.2 * len(curves) + 0.6, 2.9), squeeze=False
    )
    for axis, (name, (epoch, training, validation)) in zip(axes[0], curves.items(), strict=True):
        if name in published:
            p_epoch, p_training, p_validation = published[name]
            axis.plot(p_epoch, p_training, "--", color=REAL, lw=1, label="published, training")
            axis.plot(p_epoch, p_validation, "-", color=REAL, lw=1, label="published, validation")
        style = {"color": colours[name], "marker": "o", "ms": 3, "lw": 1.4}
        axis.plot(epoch, training, "--", label="training", mfc="white", **style)
        axis.plot(epoch, validation, "-", label="validation", **style)
        axis.set(title=name, xlabel="epoch", ylabel="mean squared error", yscale=scale)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if scale == "log":
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
            axis.yaxis.set_minor_formatter(NullFormatter())
        axis.legend(fontsize=7)
    return figure


def scores_by_checkpoint(
    series: Mapping[str, Sequence[tuple[str, float, float, float]]],
    colours: Mapping[str, str],
    floor: float | None,
    ylabel: str,
) -> Figure:
    """Groups of bars, one group a model: (checkpoint, score, below, above); floor as a line."""
    figure, axis = plt.subplots(figsize=(1.5 + 1.7 * len(series), 3.0))
    ticks, position = [], 0.0
    for name, points in series.items():
        for label, score, below, above in points:
            axis.bar(position, score, width=0.8, color=colours[name])
            axis.errorbar(
                position, score, [[max(below, 0)], [max(above, 0)]], color="black", lw=1, capsize=3
            )
            ticks.append((position, f"{name}\n{label}"))
            position += 1
        position += 0.6
    if floor is not None:
        axis.axhline(floor, color=REAL, ls=":", label=f"real images: {floor:.3g}")
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1))
    axis.set_xticks(*zip(*ticks, strict=True), fontsize=7)
    axis.set_ylabel(ylabel)
    axis.grid(visible=False, axis="x")
    return figure


def class_histogram(
    shares: Mapping[str, np.ndarray], colours: Mapping[str, str], real: np.ndarray
) -> Figure:
    """Share of each predicted digit, one panel a model, with the real frequencies as steps."""
    figure, axes = plt.subplots(
        1, len(shares), figsize=(3.0 * len(shares) + 0.6, 2.6), squeeze=False, sharey=True
    )
    for axis, (name, share) in zip(axes[0], shares.items(), strict=True):
        axis.bar(range(10), share, color=colours[name])
        axis.step(np.arange(-0.5, 10), [real[0], *real], color=REAL, lw=1.4, label="test images")
        axis.set(title=name, xlabel="predicted digit", xticks=range(10))
        axis.grid(visible=False, axis="x")
        axis.legend(fontsize=7)
    axes[0][0].set_ylabel("share of images")
    return figure


def schedules(values: Mapping[str, np.ndarray], colours: Mapping[str, str], ylabel: str) -> Figure:
    """A schedule of T + 1 values a model over its steps t; equal ones lie on each other, so
    later ones are dashed."""
    figure, axis = plt.subplots(figsize=(4.6, 2.8))
    for i, (name, y) in enumerate(values.items()):
        axis.plot(y, color=colours[name], label=name, ls="--" if i else "-", lw=2 - 0.5 * (i > 0))
    axis.set(xlabel="step t", ylabel=ylabel)
    axis.legend()
    return figure


def confusion(matrix: np.ndarray) -> Figure:
    """True digit by predicted digit; counts written in, right answers on the diagonal."""
    figure, axis = plt.subplots(figsize=(4.4, 4.2))
    wrong = np.where(np.eye(10, dtype=bool), 0, matrix)
    axis.imshow(wrong, cmap="Oranges")
    for i, j in np.ndindex(matrix.shape):
        axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=7)
    axis.set(xlabel="predicted digit", ylabel="true digit", xticks=range(10), yticks=range(10))
    axis.grid(visible=False)
    return figure

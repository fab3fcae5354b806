"""Arrays -> figures. Images are uint8 and all shown on the one scale 0..255."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter
from PIL import Image

Curve = tuple[np.ndarray, np.ndarray]  # x, y
Point = tuple[str, float, float, float]  # label, score, and how far its interval goes down and up

REAL = "0.45"  # the grey of real images and of published numbers
FILM_SCALE, FILM_LEVELS = 3, 16  # pixels a pixel; grey levels, for the size of the file


def use_style(path: Path) -> None:
    plt.style.use(path)


def colours(names: Sequence[str]) -> dict[str, str]:
    """name -> colour, in the order of the style's palette."""
    palette = cycle(plt.rcParams["axes.prop_cycle"].by_key()["color"])
    return dict(zip(names, palette, strict=False))


def save(figure: Figure, path: Path, dpi: int, vector: bool) -> None:
    """Write a PNG, and an SVG beside it if `vector`, with neither date nor program in them."""
    figure.savefig(path, dpi=dpi, metadata={"Software": None})
    if vector:
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    plt.close(figure)


def tile(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """(n, H, W) uint8 -> one picture, row by row, on white; what is left of a row stays white."""
    n, height, width = images.shape
    rows = -(-n // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        canvas[y : y + height, x : x + width] = image
    return canvas


def show(axis: Axes, canvas: np.ndarray) -> None:
    axis.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.grid(visible=False)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def image_rows(
    rows: Sequence[np.ndarray],
    row_labels: Sequence[str],
    column_labels: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
) -> Figure:
    """Rows of images, each (n, 28, 28) uint8.

    A label stands at the left of each row, one above each column, and one under each image.
    """
    side = rows[0].shape[-1]
    longest = max((text.count("\n") + 1 for row in captions for text in row), default=0)
    gap = 2 if not longest else 3 + 7 * longest
    columns = max(len(row) for row in rows)
    pitch = side + gap
    canvas = np.full((len(rows) * pitch - 2, columns * (side + 2) - 2), 255, np.uint8)
    for i, row in enumerate(rows):
        part = tile(row, columns)
        canvas[i * pitch : i * pitch + side, : part.shape[1]] = part
    inch = 0.62 / 30  # a pixel
    label_width = 0.09 * max(len(line) for label in row_labels for line in label.split("\n"))
    figure, axis = plt.subplots(
        figsize=(
            max(canvas.shape[1] * inch + 0.3 + label_width, 2.0),
            max(canvas.shape[0] * inch + (0.45 if len(column_labels) else 0.2), 0.8),
        )
    )
    show(axis, canvas)
    axis.set_anchor("W")
    middle = (side - 1) / 2
    axis.set_yticks([i * pitch + middle for i in range(len(rows))], row_labels)
    axis.set_xticks([j * (side + 2) + middle for j in range(len(column_labels))], column_labels)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    for i, texts in enumerate(captions):
        for j, text in enumerate(texts):
            x, y = j * (side + 2) + middle, i * pitch + side + 1
            axis.text(x, y, text, ha="center", va="top", fontsize=6.5)
    return figure


def sheets(parts: Mapping[str, np.ndarray], columns: int = 10) -> Figure:
    """Contact sheets beside each other: title -> (n, 28, 28) uint8."""
    rows = max(-(-len(images) // columns) for images in parts.values())
    figure, axes = plt.subplots(
        1, len(parts), figsize=(3.4 * len(parts), 0.34 * rows + 0.35), squeeze=False
    )
    for axis, (title, images) in zip(axes[0], parts.items(), strict=True):
        show(axis, tile(images, columns))
        axis.set_title(title)
        axis.set_anchor("N")
    return figure


def save_film(path: Path, grids: Sequence[np.ndarray], columns: int, seconds: float) -> None:
    """An animated PNG: each grid is (frames, n, 28, 28) uint8, beside each other.

    Runs for `seconds` and then holds its last frame for two.
    """
    space = np.full((columns * 30 - 2, 8), 255, np.uint8)
    frames = []
    for step in zip(*grids, strict=True):
        parts = [part for images in step for part in (space, tile(images, columns))][1:]
        height = min(part.shape[0] for part in parts)
        canvas = np.concatenate([part[:height] for part in parts], axis=1)
        canvas = np.round(canvas / 255 * (FILM_LEVELS - 1)) / (FILM_LEVELS - 1) * 255
        large = canvas.repeat(FILM_SCALE, axis=0).repeat(FILM_SCALE, axis=1)
        frames.append(Image.fromarray(large.round().astype(np.uint8)))
    each = round(1000 * seconds / len(frames))
    durations = [each] * (len(frames) - 1) + [2000]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0)


def losses(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    colours: Mapping[str, str],
    published: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    labels: Mapping[str, str],
    scale: str,
) -> Figure:
    """One panel a model: (epoch, training, validation), the published numbers in grey behind.

    labels: of y, by model.
    """
    figure, axes = plt.subplots(
        1, len(curves), figsize=(3.2 * len(curves) + 0.6, 2.9), squeeze=False
    )
    for axis, (name, (epoch, training, validation)) in zip(axes[0], curves.items(), strict=True):
        if name in published:
            p_epoch, p_training, p_validation = published[name]
            marker = "x" if len(p_epoch) < 5 else ""
            grey = {"color": REAL, "lw": 1, "marker": marker, "ms": 5}
            axis.plot(p_epoch, p_training, "--", label="published, training", **grey)
            axis.plot(p_epoch, p_validation, "-", label="published, validation", **grey)
        style = {"color": colours[name], "marker": "o"}
        axis.plot(epoch, training, "--", label="training", mfc="white", **style)
        axis.plot(epoch, validation, "-", label="validation", **style)
        axis.set(title=name, xlabel="epoch", ylabel=labels[name])
        axis.xaxis.get_major_locator().set_params(integer=True)
        _scale(axis, scale)
        axis.legend()
    return figure


def curves(
    panels: Mapping[str, Mapping[str, Curve]],
    colours: Mapping[str, str],
    labels: tuple[str, str],
    scales: tuple[str, str],
    published: Mapping[str, Curve],
) -> Figure:
    """Curves of several models in panels by title; published ones dotted, in the model's colour.

    labels and scales: of x and of y.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.2 * len(panels) + 0.4, 3.1), squeeze=False
    )
    for axis, (title, group) in zip(axes[0], panels.items(), strict=True):
        for name, (x, y) in group.items():
            axis.plot(x, y, color=colours[name], marker="o", label=name)
            if name in published:
                marker = "x" if len(published[name][0]) < 5 else ""
                axis.plot(
                    *published[name],
                    ":",
                    color=colours[name],
                    marker=marker,
                    ms=5,
                    label=f"{name}, published",
                )
        axis.set(title=title, xlabel=labels[0], ylabel=labels[1], xscale=scales[0])
        _scale(axis, scales[1])
        axis.legend()
    return figure


def _scale(axis: Axes, scale: str) -> None:
    """Linear or logarithmic y; the latter with plain numbers at 1, 2 and 5."""
    axis.set_yscale(scale)
    if scale == "log":
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axis.yaxis.set_minor_formatter(NullFormatter())


def scores_by_checkpoint(
    series: Mapping[str, Sequence[Point]],
    colours: Mapping[str, str],
    floor: float | None,
    ylabel: str,
    published: Mapping[str, Sequence[Sequence[float]]],
) -> Figure:
    """Groups of bars, one group a model, with the score of real images as a line.

    published: model -> for each of its bars the published values that belong there.
    """
    bars = sum(map(len, series.values()))
    width = max(1.4 + 0.75 * bars + 0.3 * len(series), 4.6)  # the legend needs as much
    figure, axis = plt.subplots(figsize=(width, 3.2))
    ticks, position, labelled = [], 0.0, False
    for name, points in series.items():
        for i, (label, score, below, above) in enumerate(points):
            axis.bar(position, score, width=0.8, color=colours[name])
            axis.errorbar(
                position, score, [[max(below, 0)], [max(above, 0)]], color="black", lw=1, capsize=3
            )
            for value in published.get(name, [()] * len(points))[i]:
                text = None if labelled else "published (not comparable)"
                axis.plot(position, value, "D", color=REAL, mfc="white", ms=5, label=text)
                labelled = True
            ticks.append((position, f"{name}\n{label}"))
            position += 1
        position += 0.6
    if floor is not None:
        axis.axhline(floor, color=REAL, ls=":", label=f"real images: {floor:.3g}")
    if floor is not None or labelled:
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    axis.set_xticks(*zip(*ticks, strict=True), fontsize=7)
    axis.set_ylabel(ylabel)
    axis.grid(visible=False, axis="x")
    return figure


def quality(
    series: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
    colours: Mapping[str, str],
    filled: Collection[str],
    floor: float,
) -> Figure:
    """A line a model of (multiply-adds of training, score, and how far its interval goes down and
    up); markers of those not in `filled` are open. The score of real images is a line across."""
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    for name, (x, y, below, above) in series.items():
        order = np.argsort(x)
        sides = np.clip([below, above], 0, None)[:, order]
        marker = {"fmt": "o-", "ms": 5, "lw": 1.2, "mfc": None if name in filled else "white"}
        axis.errorbar(x[order], y[order], sides, color=colours[name], label=name, **marker)
    axis.axhline(floor, color=REAL, ls=":", label=f"real images: {floor:.3g}")
    axis.set(xlabel="multiply-adds of training", ylabel="FID, classifier features", xscale="log")
    _scale(axis, "log")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Up to four panels beside each other, of one y axis; more go to further rows."""
    columns = min(count, 4)
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(2.6 * columns + 0.6, height * rows),
        squeeze=False,
        sharey=True,
    )
    for axis in axes.flat[count:]:
        axis.remove()
    return figure, list(axes.flat[:count])


def class_histogram(
    shares: Mapping[str, np.ndarray], colours: Mapping[str, str], real: np.ndarray
) -> Figure:
    """Share of each predicted digit, one panel a model, with the real frequencies as steps."""
    figure, axes = _panels(len(shares), 2.6)
    for axis, (name, share) in zip(axes, shares.items(), strict=True):
        axis.bar(range(10), share, color=colours[name])
        axis.step(np.arange(-0.5, 10), [real[0], *real], color=REAL, label="test images")
        axis.set(title=name, xlabel="predicted digit", xticks=range(10))
        axis.grid(visible=False, axis="x")
        axis.legend()
    axes[0].set_ylabel("share of images")
    return figure


def calibration(
    ratios: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], colours: Mapping[str, str]
) -> Figure:
    """(low, share, high) of each predicted digit over its real frequency, one panel a model."""
    figure, axes = _panels(len(ratios), 2.5)
    for axis, (name, (low, ratio, high)) in zip(axes, ratios.items(), strict=True):
        axis.axhline(1, color=REAL, ls=":")
        sides = [ratio - low, high - ratio]
        axis.errorbar(range(10), ratio, sides, fmt="o", ms=4, color=colours[name], lw=1.2)
        axis.set(title=name, xlabel="predicted digit", xticks=range(10))
    axes[0].set_ylabel("share / real frequency")
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


def step_study(
    studies: Mapping[str, Sequence[Mapping[str, float]]],
    beside: Mapping[str, Mapping[str, float]],
    colours: Mapping[str, str],
    scores: Mapping[str, str],
) -> Figure:
    """Scores (key -> label, a row each) over the number of steps, a column a model, a line an eta.

    beside: model -> scores of its own sampler, drawn across with their intervals. FID has a
    logarithmic axis, as models differ by orders of magnitude.
    """
    figure, axes = plt.subplots(
        len(scores),
        len(studies),
        figsize=(3.4 * len(studies) + 0.6, 2.5 * len(scores)),
        squeeze=False,
        sharex=True,
        sharey="row",
    )
    for column, (name, study) in zip(axes.T, studies.items(), strict=True):
        other = beside[name]
        for axis, (key, label) in zip(column, scores.items(), strict=True):
            below, above = max(other[f"{key}_below"], 0), max(other[f"{key}_above"], 0)
            axis.axhspan(other[key] - below, other[key] + above, color=REAL, alpha=0.2, lw=0)
            axis.axhline(other[key], color=REAL, ls=":", label="the model's own sampler")
            for eta, marker in zip(sorted({e["eta"] for e in study}), cycle("os^Dv"), strict=False):
                chosen = sorted((e for e in study if e["eta"] == eta), key=lambda e: e["steps"])
                sides = [[max(e[f"{key}_{s}"], 0) for e in chosen] for s in ("below", "above")]
                axis.errorbar(
                    [e["steps"] for e in chosen],
                    [e[key] for e in chosen],
                    sides,
                    color=colours[name],
                    marker=marker,
                    ms=5,
                    mfc="white" if eta else None,
                    lw=1,
                    label=rf"$\eta$ = {eta:g}",
                )
            axis.set_xscale("log")
            steps = sorted({e["steps"] for e in study})
            axis.set_xticks(steps, [f"{s:g}" for s in steps])
            axis.minorticks_off()
            _scale(axis, "log" if key == "fid" else "linear")
            if name == next(iter(studies)):
                axis.set_ylabel(label)
        column[0].set_title(name)
        column[-1].set_xlabel("strided steps")
    said: dict[str, Artist] = {}  # every line once, in the colours of the first model that has it
    for axis in axes[0]:
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
            said.setdefault(text, handle)
    figure.legend(list(said.values()), list(said), loc="outside upper center", ncols=len(said))
    return figure


def confusion(matrix: np.ndarray) -> Figure:
    """True digit by predicted digit; counts written in, wrong answers shaded."""
    figure, axis = plt.subplots(figsize=(4.4, 4.2))
    wrong = np.where(np.eye(10, dtype=bool), 0, matrix)
    axis.imshow(wrong, cmap="Oranges", vmax=max(1.6 * wrong.max(), 1))
    for i, j in np.ndindex(matrix.shape):
        axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=7)
    axis.set(xlabel="predicted digit", ylabel="true digit", xticks=range(10), yticks=range(10))
    axis.grid(visible=False)
    return figure

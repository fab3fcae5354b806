"""Figures 3, 11 and 14: FID by checkpoint; KID and FID in Inception features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hotcold.reporting.figures.style import MANY, REAL, Gallery, set_scale
from hotcold.reporting.reading.published import Published, published_fids
from hotcold.reporting.reading.results import (
    Checkpoint,
    ModelResults,
    Scores,
    by_kind,
    known_and_further,
    main_scores,
    with_interval,
)
from hotcold.scores import find, shown

Row = tuple[ModelResults, Checkpoint]
PANEL = 3.3  # inches: the width of a phone
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind words that cross a line


def draw(
    gallery: Gallery, models: Sequence[ModelResults], real: Scores, published: Published
) -> None:
    """FID of the published models by kind of degradation and together, beside the published
    values; FID and the other distances of all models.

    real: the scores of real images.
    """
    here, _ = known_and_further(models, published["models"])
    colours = gallery.colours
    for kind, group in by_kind(here).items():
        gallery.add(f"fid_{kind}", draw_points(group, "fid", real, colours, published))
    if here:
        gallery.add("fid_published", draw_points(here, "fid", real, colours, published))
    gallery.add("fid_all", draw_points(models, "fid", real, colours))
    gallery.add("kid", draw_points(models, "kid", real, colours))
    if (key := "inception_fid") in real:
        gallery.add(key, draw_points(models, key, real, colours, published))
    columns = ("model", "epoch", "roles", *score_columns(), "published_fid")
    gallery.add_table("fid", columns, rows(models, published))


def score_columns() -> list[str]:
    """The columns of scores in the table of checkpoints."""
    return [*find("fid").columns, *(score.key for score in shown("checkpoints"))]


def rows(models: Sequence[ModelResults], published: Published) -> Iterator[tuple[object, ...]]:
    """The scores of every checkpoint, and the published FID of the checkpoint with its role."""
    for model in models:
        for checkpoint in model.checkpoints:
            scores = main_scores(checkpoint)
            values = [f"{scores[key]:.6g}" if key in scores else "" for key in score_columns()]
            roles = checkpoint["roles"]
            known = " ".join(str(fid) for _, fid in published_fids(published, model.name, roles))
            yield model.name, checkpoint["epoch"], " ".join(roles), *values, known


def draw_points(
    models: Sequence[ModelResults],
    key: str,
    real: Scores,
    colours: Mapping[str, str],
    published: Published | None = None,
) -> Figure:
    """A score of every scored checkpoint with its interval, of many models that of the best ones,
    and that of real images as a line.

    published: its FIDs get a panel of their own, because no value of it can be compared.
    """
    rows: list[Row] = [
        (model, checkpoint)
        for model in models
        for checkpoint in (model.checkpoints if len(models) <= MANY else [model.best])
    ]
    panels = 2 if published else 1  # each fits a phone
    size = (PANEL * panels, 0.23 * len(rows) + 0.23 * len(models) + 0.8)
    figure, axes = plt.subplots(1, panels, figsize=size, sharey=True, squeeze=False)
    axis, score = axes[0, 0], find(key)
    axis.margins(x=0.08)
    places = draw_here(axis, rows, key, colours)
    axis.axvline(real[key], color=REAL, ls=":", label=f"real images: {real[key]:.3g}")
    # Scores that cannot be negative span orders of magnitude.
    if score.signed:
        axis.set_xscale("symlog", linthresh=0.01)
        axis.xaxis.set_major_formatter("{x:g}")
    else:
        set_scale(axis, "log", "x")
    axis.set_xlabel(score.axis_label)
    axis.set_ylabel("epoch")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1))
    if published:
        draw_published(axes[0, 1], rows, places, published)
    axis.set_ylim(max(places) + 0.6, -0.7)
    return figure


def draw_here(axis: Axes, rows: Sequence[Row], key: str, colours: Mapping[str, str]) -> list[float]:
    """One point for each checkpoint, below the name of its model. Returns their places on the y
    axis, (rows,)."""
    places, place, previous = [], -1.0, ""
    for model, checkpoint in rows:
        place += 1
        if model.name != previous:
            line = {"transform": axis.get_yaxis_transform(), "va": "center", "bbox": PAPER}
            axis.text(0.02, place, model.name, in_layout=False, **line)
            place += 1
        (value,), sides = with_interval([main_scores(checkpoint)], key)
        colour = colours[model.name]
        face = colour if model.generates else "white"
        axis.errorbar([value], [place], xerr=sides, fmt="o", ms=5, lw=1.5, color=colour, mfc=face)
        places.append(place)
        previous = model.name
    axis.set_yticks(places, [tick_label(checkpoint) for _, checkpoint in rows])
    axis.grid(visible=False, axis="y")
    return places


def draw_published(
    axis: Axes, rows: Sequence[Row], places: Sequence[float], published: Published
) -> None:
    """The published FIDs at the checkpoints with the same roles."""
    for (model, checkpoint), place in zip(rows, places, strict=True):
        for _, fid in published_fids(published, model.name, checkpoint["roles"]):
            axis.plot(fid, place, "D", color=REAL, ms=5)
    axis.set_title("published, not comparable")
    axis.set_xlabel("FID, Inception features")
    axis.set_xlim(left=0)
    axis.grid(visible=False, axis="y")
    axis.tick_params(labelleft=False)


def tick_label(checkpoint: Checkpoint) -> str:
    """The epoch of a checkpoint, and whether it is the best or the last one."""
    roles = [role for role in checkpoint["roles"] if role != "early"]
    return f"{checkpoint['epoch']}" + (f" ({', '.join(roles)})" if roles else "")

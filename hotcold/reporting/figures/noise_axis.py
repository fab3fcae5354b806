"""The axis between cold and hot: scores over the size of the noise, or over the share of it that is
drawn anew in each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hotcold.reporting.figures.style import (
    REAL,
    WIDTH,
    Gallery,
    add_legend,
    draw_intervals,
    set_scale,
)
from hotcold.reporting.reading.measured import NOISE_AXIS, Row
from hotcold.reporting.reading.results import ModelResults, Scores
from hotcold.scores import find


def draw(
    gallery: Gallery, rows: Sequence[Row], models: Sequence[ModelResults], real: Scores
) -> None:
    """Both axes, if the size of the noise was varied. rows: of the sizes. real: the scores of real
    images."""
    if rows:
        gallery.add("noise_axis", draw_axes(rows, models, gallery.colours, real["fid"]))
        gallery.add_table("noise_axis", NOISE_AXIS.columns, [list(row.values()) for row in rows])


def draw_axes(
    rows: Sequence[Row], models: Sequence[ModelResults], colours: Mapping[str, str], real: float
) -> Figure:
    """FID, and precision and recall, over the size of the noise of a blur; FID over the share of
    impulse noise that is drawn anew."""
    figure, (fid, quality, impulse) = plt.subplots(1, 3, figsize=(WIDTH, 3.2))
    sizes = sorted({float(row["noise"]) for row in rows})
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        # Evenly spaced, because 0 has no place on a logarithmic axis.
        x = [sizes.index(float(row["noise"])) for row in own]
        style: dict[str, Any] = {"ms": 4, "lw": 1, "color": colours.get(name, REAL)}
        draw_intervals(fid, x, own, "fid", fmt="o-", label=f"{name}, blur", **style)
        for key, marker in (("precision", "s"), ("recall", "^")):
            mean, spread = ([row[f"{key}{side}"] for row in own] for side in ("", "_std"))
            quality.errorbar(x, mean, spread, fmt=f"{marker}--", label=f"{name}, {key}", **style)
    for axis in (fid, quality):
        axis.set_xticks(range(len(sizes)), [f"{size:g}" for size in sizes], rotation=45)
        axis.set_xlabel("size δ of the noise")
    draw_shares(impulse, models, colours)
    for axis in (fid, impulse):
        axis.axhline(real, color=REAL, ls=":", label="real images")
        set_scale(axis, "log")
        axis.set_ylabel(find("fid").axis_label)
    quality.set_ylim(0, 1.02)
    quality.set_ylabel("precision, recall")
    impulse.set_xlabel("share of noise drawn anew")
    add_legend(figure, (fid, quality, impulse))
    return figure


def draw_shares(axis: Axes, models: Sequence[ModelResults], colours: Mapping[str, str]) -> None:
    """Improved and naive sampler, which draw none and all of the noise anew; for categorical models
    every eta with the most steps of the step study."""
    for model in models:
        if model.kind == "impulse" and model.restores:
            shares, scores = [0, 1], [model.best["sets"][k] for k in ("improved", "naive")]
        elif model.predicts == "categorical" and model.step_study:
            most = max(entry["steps"] for entry in model.step_study)
            study = [e for e in model.step_study if e["steps"] == most and "churn" not in e]
            scores = sorted(study, key=lambda entry: entry["eta"])
            shares = [entry["eta"] for entry in scores]
        else:
            continue
        face, colour = None if model.generates else "white", colours[model.name]
        style = {"fmt": "o-", "ms": 4, "lw": 1, "mfc": face, "color": colour, "label": model.name}
        draw_intervals(axis, shares, scores, "fid", **style)

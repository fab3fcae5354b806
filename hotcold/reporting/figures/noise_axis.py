"""The axis between cold and hot: scores over the size of the noise, and over the share of impulse
noise or of pixels that is drawn anew in each step."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hotcold.reporting.figures import style
from hotcold.reporting.reading.formatting import counted
from hotcold.reporting.reading.intervals import wilson
from hotcold.reporting.reading.measured import NOISE_AXIS, Row
from hotcold.reporting.reading.results import ModelResults, Scores, grouped
from hotcold.scores import find

QUALITIES = {"precision": "s", "recall": "^"}  # score -> marker
DOSE = ("model", "share", "fid", "fid_below", "fid_above", "commonest")


def draw(
    gallery: style.Gallery,
    rows: Sequence[Row],
    doses: tuple[Sequence[Row], Sequence[Row]],
    models: Sequence[ModelResults],
    real: Scores,
) -> None:
    """The axis, if the size of the noise was varied, and shares of impulse noise or of pixels, if
    they were studied. rows: of the sizes. doses: of the shares of pixels that are predicted
    anew, with new noise and with their own. real: the scores of real images."""
    if any(doses):
        gallery.add("dose", draw_doses(doses, gallery.colours, real))
        for name, shares in zip(("dose", "overwritten"), doses, strict=True):
            gallery.add_table(name, DOSE, [[row[key] for key in DOSE] for row in shares])
    if rows:
        gallery.add("noise_axis", draw_axes(rows, gallery.colours, real["fid"]))
        gallery.add_table("noise_axis", NOISE_AXIS.columns, [list(row.values()) for row in rows])
    drawing = [model for model in models if model.predicts == "categorical" and model.step_study]
    if drawing:
        gallery.add("drawn_anew", draw_shares(drawing, gallery.colours))


def draw_axes(rows: Sequence[Row], colours: Mapping[str, str], real: float) -> Figure:
    """FID, and precision and recall, over the size of the noise of a blur, of every training and
    their means; against test images."""
    figure, (fid, quality) = plt.subplots(1, 2, figsize=(style.WIDTH, 3.2))
    sizes = sorted({float(row["noise"]) for row in rows})
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        # Evenly spaced, because 0 has no place on a logarithmic axis.
        x = [sizes.index(float(row["noise"])) for row in own]
        trainings = grouped(own, lambda row: sizes.index(float(row["noise"])))
        look: dict[str, Any] = {"ms": 4, "lw": 1, "color": colours.get(name, style.REAL)}
        style.draw_intervals(fid, x, own, "fid", fmt="o", label=f"{name}, FID", **look)
        for key, marker in QUALITIES.items():
            mean, spread = ([row[f"{key}{side}"] for row in own] for side in ("", "_std"))
            quality.errorbar(x, mean, spread, fmt=marker, label=f"{name}, {key}", **look)
        for axis, key, line in ((fid, "fid", "-"), *((quality, k, "--") for k in QUALITIES)):
            means = [statistics.mean(row[key] for row in rows) for rows in trainings.values()]
            axis.plot(list(trainings), means, line, lw=1, color=look["color"])
    for axis in (fid, quality):
        axis.set_xticks(range(len(sizes)), [f"{size:g}" for size in sizes], rotation=45)
        axis.set_xlabel("size δ of the noise")
    fid.axhline(real, color=style.REAL, ls=":", label="real images")
    style.set_scale(fid, "log")
    fid.set_ylabel(find("fid").axis_label)
    quality.set_ylim(0, 1.02)
    quality.set_ylabel("precision, recall")
    style.add_legend(figure, (fid, quality))
    return figure


def draw_doses(
    doses: tuple[Sequence[Row], Sequence[Row]], colours: Mapping[str, str], real: Scores
) -> Figure:
    """FID and the share of the commonest digit over the share of pixels that get a new prediction
    in each step, with new noise or with their own; against test images."""
    figure, (fid, digit) = plt.subplots(1, 2, figsize=(style.WIDTH, 2.9))
    for words, fmt, rows in zip(("new noise", "own noise"), ("o-", "s--"), doses, strict=True):
        for name, own in grouped(rows, lambda row: row["model"]).items():
            x, shares = ([float(row[key]) for row in own] for key in ("share", "commonest"))
            label = f"{name}, {words}" if all(doses) else name
            look: dict[str, Any] = {"fmt": fmt, "ms": 4, "lw": 1, "color": colours[name]}
            style.draw_intervals(fid, x, own, "fid", label=label, **look)
            images = int(real["images"])
            low, high = wilson(np.array(shares) * images, images)
            digit.errorbar(x, shares, (shares - low, high - shares), label=label, **look)
    fid.axhline(real["fid"], color=style.REAL, ls=":", label="real images")
    style.set_scale(fid, "log")
    fid.set_ylabel(find("fid").axis_label)
    digit.set(ylabel="share of the commonest digit", ylim=(0, None))
    for axis in (fid, digit):
        axis.set(xlabel="share of pixels predicted anew in each step", xlim=(-0.06, 1.06))
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\nimproved", "0.25", "0.5", "0.75", "1\nnaive"])
    style.add_legend(figure, (fid, digit))
    return figure


def draw_shares(models: Sequence[ModelResults], colours: Mapping[str, str]) -> Figure:
    """FID over every eta with the most steps of the step study; against validation images."""
    figure, axis = plt.subplots(figsize=(0.6 * style.WIDTH, 2.8))
    for model in models:
        most = max(entry["steps"] for entry in model.step_study)
        study = [e for e in model.step_study if e["steps"] == most and "churn" not in e]
        study.sort(key=lambda entry: entry["eta"])
        look = {"fmt": "o-", "ms": 4, "lw": 1, "color": colours[model.name]}
        label = f"{model.name}, {counted(most, 'step')}"
        style.draw_intervals(axis, [e["eta"] for e in study], study, "fid", label=label, **look)
    style.set_scale(axis, "log")
    axis.set(xlabel="share η of the noise drawn anew", ylabel=find("fid").axis_label)
    style.add_legend(figure, [axis], 2) if len(models) > 4 else axis.legend()
    return figure

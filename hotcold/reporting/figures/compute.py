"""Quality for compute: FID against the cost of training and of sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from hotcold.reporting.figures import style
from hotcold.reporting.figures.flops import TRAINING, multiply_adds
from hotcold.reporting.reading.results import ModelResults, main_scores
from hotcold.scores import find


def draw(gallery: style.Gallery, models: Sequence[ModelResults], real: float) -> None:
    """FID of every scored checkpoint against the multiply-adds of its training, that of the best
    ones against evaluations of the network, and the table that the report reads.

    real: the FID of real images.
    """
    spent = {model.name: training_multiply_adds(model) for model in models}
    gallery.add("compute", draw_fid(models, spent, gallery.colours, real))
    rows = (
        (m.name, c["epoch"], f"{count:.6g}", m.evaluations, main_scores(c)["fid"])
        for m in models
        for c, count in zip(m.checkpoints, spent[m.name], strict=True)
    )
    gallery.add_table("compute", ("model", "epoch", "multiply_adds", "evaluations", "fid"), rows)


def training_multiply_adds(model: ModelResults) -> np.ndarray:
    """The multiply-adds of training up to each scored checkpoint, (checkpoints,)."""
    images = {row["epoch"]: row["images"] for row in model.history}
    seen = [images[checkpoint["epoch"]] for checkpoint in model.checkpoints]
    return TRAINING * multiply_adds(model.design.block()) * np.array(seen)


def draw_fid(
    models: Sequence[ModelResults],
    spent: Mapping[str, np.ndarray],
    colours: Mapping[str, str],
    real: float,
) -> Figure:
    """Training at the left: one line for each model, with open markers if it restores, and that of
    real images. Sampling at the right: the best checkpoints."""
    figure, (axis, sampling) = plt.subplots(1, 2, figsize=(style.WIDTH, 4.2), sharey=True)
    for model in models:
        face, colour = None if model.generates else "white", colours[model.name]
        look: dict[str, Any] = {"ms": 5, "lw": 1.2, "mfc": face, "color": colour}
        x = spent[model.name]  # increases, as epochs do
        scores = [main_scores(checkpoint) for checkpoint in model.checkpoints]
        style.draw_intervals(axis, x, scores, "fid", fmt="o-", label=model.name, **look)
        style.draw_intervals(sampling, [model.evaluations], [model.scores], "fid", fmt="o", **look)
    axis.set(xlabel="multiply-adds of training", ylabel=find("fid").axis_label)
    sampling.set(xlabel="evaluations of the network for an image")
    for each in (axis, sampling):
        each.axhline(real, color=style.REAL, ls=":", label=f"real images: {real:.3g}")
        each.set_xscale("log")
        style.set_scale(each, "log")
        each.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_formatter(style.power_of_ten)
    style.add_legend(figure, [axis])
    return figure

"""FID against the multiply-adds of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from diffusion.models.model import DiffusionModel
from diffusion.reporting.flops import TRAINING, multiply_adds
from diffusion.reporting.results import ModelResults, main_scores, with_interval
from diffusion.reporting.style import REAL, WIDTH, Gallery, power_of_ten, set_scale


def draw(gallery: Gallery, models: Sequence[ModelResults], real: float) -> None:
    """FID of every scored checkpoint against the multiply-adds of its training, and the table that
    the report reads.

    real: the FID of real images.
    """
    spent = {model.name: training_multiply_adds(model) for model in models}
    gallery.add("compute", draw_fid(models, spent, gallery.colours, real))
    rows = (
        (model.name, checkpoint["epoch"], f"{count:.6g}", main_scores(checkpoint)["fid"])
        for model in models
        for checkpoint, count in zip(model.checkpoints, spent[model.name], strict=True)
    )
    gallery.add_table("compute", ("model", "epoch", "multiply_adds", "fid"), rows)


def training_multiply_adds(model: ModelResults) -> np.ndarray:
    """The multiply-adds of training up to each scored checkpoint, (checkpoints,)."""
    network = DiffusionModel.build(model.design.block()).module
    images = {row["epoch"]: row["images"] for row in model.history}
    seen = [images[checkpoint["epoch"]] for checkpoint in model.checkpoints]
    return TRAINING * multiply_adds(network) * np.array(seen)


def draw_fid(
    models: Sequence[ModelResults],
    spent: Mapping[str, np.ndarray],
    colours: Mapping[str, str],
    real: float,
) -> Figure:
    """One line for each model, with open markers if it restores, and that of real images."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.8))
    for model in models:
        x = spent[model.name]
        fid, sides = with_interval([main_scores(c) for c in model.checkpoints], "fid")
        order = np.argsort(x)
        axis.errorbar(
            x[order],
            fid[order],
            sides[:, order],
            fmt="o-",
            ms=5,
            lw=1.2,
            mfc=None if model.generates else "white",
            color=colours[model.name],
            label=model.name,
        )
    axis.axhline(real, color=REAL, ls=":", label=f"real images: {real:.3g}")
    axis.set(xlabel="multiply-adds of training", ylabel="FID, classifier features", xscale="log")
    set_scale(axis, "log")
    axis.xaxis.set_major_formatter(power_of_ten)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure

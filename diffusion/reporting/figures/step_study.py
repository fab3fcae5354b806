"""Scores by number of steps, eta and clip, compared with the model's own sampler."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffusion.reporting.results import ModelResults, Scores, with_interval
from diffusion.reporting.style import REAL, Gallery, set_scale

SCORES = {"fid": "FID, classifier features", "is": "IS"}  # a row of panels each
OWN = {"fid": "validation_fid"}  # the name of the same score in results/scores
MARKERS = "os^Dv"  # of eta
LEGEND_COLUMNS = 4


def draw(gallery: Gallery, models: Iterable[ModelResults]) -> None:
    """The models with a step study, if there are any."""
    studied = [model for model in models if model.step_study]
    if studied:
        gallery.add_lines("steps", draw_study(studied, gallery.colours))


def draw_study(models: Sequence[ModelResults], colours: Mapping[str, str]) -> Figure:
    """Scores over the number of steps, a column of panels for each model, a line for each eta and
    each value of clip."""
    figure, axes = plt.subplots(
        len(SCORES),
        len(models),
        figsize=(3.4 * len(models) + 0.6, 2.5 * len(SCORES)),
        squeeze=False,
        sharex=True,
        sharey="row",
    )
    for column, model in zip(axes.T, models, strict=True):
        for axis, key in zip(column, SCORES, strict=True):
            draw_own_sampler(axis, model.scores, key)
            draw_settings(axis, model.step_study, key, colours[model.name])
            axis.set_xscale("log")
            steps = sorted({entry["steps"] for entry in model.step_study})
            axis.set_xticks(steps, [f"{s:g}" for s in steps])
            axis.minorticks_off()
            # FIDs of models differ by orders of magnitude.
            set_scale(axis, "log" if key == "fid" else "linear")
        column[0].set_title(model.name)
        column[-1].set_xlabel("sampling steps")
    for axis, label in zip(axes[:, 0], SCORES.values(), strict=True):
        axis.set_ylabel(label)
    add_legend(figure, axes[0])
    return figure


def draw_own_sampler(axis: Axes, scores: Scores, key: str) -> None:
    """The score of the model's own sampler as a line, its interval as a band. FID is that against
    validation images, as in the study."""
    (value,), ((below,), (above,)) = with_interval([scores], OWN.get(key, key))
    axis.axhspan(value - below, value + above, color=REAL, alpha=0.2, lw=0)
    axis.axhline(value, color=REAL, ls=":", label="the model's own sampler")


def draw_settings(axis: Axes, study: Sequence[Scores], key: str, colour: str) -> None:
    """A score over the number of steps, one line for each eta, a dashed one where x_0_hat is
    clipped."""
    etas = sorted({entry["eta"] for entry in study})
    markers = dict(zip(etas, cycle(MARKERS), strict=False))
    for clip, eta in itertools.product(sorted({entry["clip"] for entry in study}), etas):
        chosen = [e for e in study if (e["clip"], e["eta"]) == (clip, eta)]
        chosen.sort(key=lambda entry: entry["steps"])
        values, sides = with_interval(chosen, key)
        axis.errorbar(
            [entry["steps"] for entry in chosen],
            values,
            sides,
            color=colour,
            marker=markers[eta],
            ls="--" if clip else "-",
            ms=5,
            mfc="white" if eta else None,
            lw=1,
            label=rf"$\eta$ = {eta:g}{', clipped' if clip else ''}",
        )


def add_legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Each label once, in the colour of the first model that has it."""
    entries: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        list(entries.values()), list(entries), loc="outside upper center", ncols=LEGEND_COLUMNS
    )

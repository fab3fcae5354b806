"""Scores by number of steps, eta and clip, compared with the model's own sampler."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
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
from hotcold.reporting.reading.formatting import rate
from hotcold.reporting.reading.results import ModelResults, Scores, with_interval
from hotcold.scores import shown

OWN = {"fid": "validation_fid"}  # the name of the same score in results/scores
MARKERS = "os^Dv<>pP*X"  # of eta and churn
APART = 1.025  # the factor between the places of lines, which would overlap


def draw(gallery: Gallery, models: Iterable[ModelResults]) -> None:
    """The models with a step study, if there are any."""
    studied = [model for model in models if model.step_study and not model.design.classes]
    if studied:
        gallery.add("steps", draw_study(studied, gallery.colours))
    columns = ("steps", "eta", "churn", "clip", "fid", "fid_below", "fid_above", "is")
    rows = (
        (m.name, *(e.get(key, "") for key in columns), rate(e))
        for m in studied
        for e in m.step_study
    )
    gallery.add_table("steps", ("model", *columns, "setting"), rows)


def draw_study(models: Sequence[ModelResults], colours: Mapping[str, str]) -> Figure:
    """Scores over the number of steps, a row of panels for each model, a line for each eta or churn
    and each value of clip."""
    scores, size = shown("ranking"), (WIDTH, 2.1 * len(models) + 0.5)
    figure, axes = plt.subplots(len(models), len(scores), figsize=size, squeeze=False, sharex=True)
    for row, model in zip(axes, models, strict=True):
        for axis, score in zip(row, scores, strict=True):
            draw_own_sampler(axis, model.scores, score.key)
            draw_settings(axis, model.step_study, score.key, colours[model.name])
            axis.set(title=model.name, ylabel=score.axis_label, xscale="log")
            steps = sorted({entry["steps"] for entry in model.step_study})
            axis.set_xticks(steps, [f"{s:g}" for s in steps])
            axis.tick_params(labelbottom=True)
            axis.minorticks_off()
            # FIDs of settings differ by orders of magnitude.
            set_scale(axis, "log" if score.key == "fid" else "linear")
    figure.supxlabel("sampling steps", fontsize="medium")
    add_legend(figure, axes[:, 0])
    return figure


def draw_own_sampler(axis: Axes, scores: Scores, key: str) -> None:
    """The score of the model's own sampler as a line, its interval as a band. FID is that against
    validation images, as in the study."""
    (value,), ((below,), (above,)) = with_interval([scores], OWN.get(key, key))
    axis.axhspan(value - below, value + above, color=REAL, alpha=0.2, lw=0)
    axis.axhline(value, color=REAL, ls=":", label="the model's own sampler")


def draw_settings(axis: Axes, study: Sequence[Scores], key: str, colour: str) -> None:
    """A score over the number of steps, one line for each eta, churn or kind of sampler, a dashed
    one where x_0_hat is clipped and a dash-dotted one for a churn; lines are set apart a little."""
    rates = sorted({variant(entry) for entry in study})
    markers = dict(zip(rates, cycle(MARKERS), strict=False))
    lines = list(itertools.product(sorted({entry.get("clip", False) for entry in study}), rates))
    for i, (clip, each) in enumerate(lines):
        apart = APART ** (i - (len(lines) - 1) / 2)
        chosen = [e for e in study if (e.get("clip", False), variant(e)) == (clip, each)]
        chosen.sort(key=lambda entry: entry["steps"])
        if not chosen:
            continue
        draw_intervals(
            axis,
            [entry["steps"] * apart for entry in chosen],
            chosen,
            key,
            color=colour,
            marker=markers[each],
            ls="--" if clip else "-." if chosen[0].get("churn") else "-",
            ms=5,
            mfc="white" if any(each[:2]) else None,
            lw=1,
            label=f"{rate(chosen[0])}{', clipped' if clip else ''}",
        )


def variant(entry: Mapping[str, Any]) -> tuple[float, float, str]:
    """What a setting draws anew, as numbers to sort by and in words."""
    return entry.get("churn", 0.0), entry.get("eta", 0.0), rate(entry)

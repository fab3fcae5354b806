"""Scores by the settings of a sampler, compared with the model's own one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from textwrap import fill

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hotcold.reporting.figures import style
from hotcold.reporting.reading.results import ModelResults, Scores, grouped, with_interval
from hotcold.sampling.params import recorded
from hotcold.scores import UNLABELLED, find

TICKS = (10, 25, 50, 100)
LINE = 44  # characters of a legend
APART = 1.015  # the factor between the places of lines, which would overlap


def draw(gallery: style.Gallery, models: Iterable[ModelResults]) -> None:
    """The models with a step study, if there are any."""
    studied = [model for model in models if model.step_study and not model.design.classes]
    if studied:
        gallery.add("steps", draw_study(studied))
    columns = ("steps", "evaluations", "fid", "fid_below", "fid_above", "is", *UNLABELLED)
    rows = (
        (m.name, recorded(e).variant, *(e[key] for key in columns))
        for m in studied
        for e in m.step_study
    )
    gallery.add_table("steps", ("model", "setting", *columns), rows)


def draw_study(models: Sequence[ModelResults]) -> Figure:
    """FID over the evaluations of the network, a panel for each model, and a line for each setting
    of its sampler but the number of steps."""
    looks, many = styles(models), len(models) > style.MANY
    figure, axes = style.panels(len(models), 4 if many else 2, 1.7 if many else 2.4, sharex=True)
    figure.set_figwidth(style.WIDTH)
    for axis, model in zip(axes, models, strict=True):
        draw_own_sampler(axis, model.scores)
        draw_settings(axis, model.step_study, "fid", looks)
        axis.set(title=model.name, xscale="log")
        axis.set_xticks(TICKS, map(str, TICKS))
        axis.tick_params(labelbottom=True)
        axis.minorticks_off()
        style.set_scale(axis, "log")  # FIDs of settings differ by orders of magnitude
    style.label(figure, axes, "evaluations of the network for an image", find("fid").axis_label)
    return figure


def draw_own_sampler(axis: Axes, scores: Scores) -> None:
    """The FID of the model's own sampler as a line, its interval as a band. It is that against
    validation images, as in the study."""
    (value,), ((below,), (above,)) = with_interval([scores], "validation_fid")
    axis.axhspan(value - below, value + above, color=style.REAL, alpha=0.2, lw=0)
    axis.axhline(value, color=style.REAL, ls=":", label="its own sampler")


def styles(models: Iterable[ModelResults]) -> dict[str, dict[str, str]]:
    """For each setting but the number of steps, its colour and marker in all panels."""
    variants = dict.fromkeys(recorded(entry).variant for m in models for entry in m.step_study)
    colours = (each["color"] for each in cycle(plt.rcParams["axes.prop_cycle"]))
    return {
        variant: {"color": colour, "marker": marker}
        for variant, colour, marker in zip(variants, colours, cycle(style.MARKERS), strict=False)
    }


def draw_settings(
    axis: Axes, study: Sequence[Scores], key: str, looks: Mapping[str, Mapping[str, str]]
) -> None:
    """A score over the evaluations of the network, one line for each setting but the number of
    steps, a dashed one where x_0_hat is clipped; lines are set apart a little. looks: of `styles`.
    """
    lines = grouped(study, lambda entry: recorded(entry).variant)
    for i, (variant, entries) in enumerate(lines.items()):
        apart = APART ** (i - (len(lines) - 1) / 2)
        chosen = sorted(entries, key=lambda entry: entry["evaluations"])
        style.draw_intervals(
            axis,
            [entry["evaluations"] * apart for entry in chosen],
            chosen,
            key,
            ls="--" if chosen[0].get("clip") else "-",
            ms=5,
            lw=1,
            label=fill(variant, LINE),
            **looks[variant],
        )

"""Figures 2 and 10: the losses by epoch; the validation loss by images and by time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from diffusion.reporting.params import FiguresParams
from diffusion.reporting.published import Losses, Published, published_losses
from diffusion.reporting.results import ModelResults, by_kind
from diffusion.reporting.style import REAL, Gallery, row_of_panels, set_scale

Curve = tuple[np.ndarray, np.ndarray]  # x, y
LOSSES = {"v": "mean squared error of v", "categorical": "cross-entropy"}
ERRORS = {  # of a prediction; losses of different predictions cannot be compared
    "eps": "error of the noise",
    "x_0": "error of the clean image",
    "v": "error of v",
    "categorical": "cross-entropy of grey levels",
}


def draw(
    gallery: Gallery, models: Sequence[ModelResults], published: Published, params: FiguresParams
) -> None:
    """Losses by epoch for each kind of degradation; validation losses by images and by time."""
    known, colours, scale = published_losses(published), gallery.colours, params.loss_scale
    for kind, group in by_kind(models).items():
        shown = {
            m.name: up_to_last_epoch(known[m.name], m)
            for m in group
            if comparable(m, known, published)
        }
        gallery.add_lines(f"loss_{kind}", draw_by_epoch(group, colours, shown, scale))

    seen = {name: (epoch * published["images"], y) for name, (epoch, _, y) in known.items()}
    by_images = draw_validation(models, colours, lambda m: m.column("images"), scale, seen)
    for axis in by_images.axes:
        axis.set(xlabel="training images seen", xscale="log")
    gallery.add_lines("loss_by_images", by_images)
    if params.wall_clock:
        by_time = draw_validation(models, colours, lambda m: np.array(m.seconds) / 60, scale, {})
        for axis in by_time.axes:
            axis.set(xlabel="minutes of training")
        gallery.add_lines("loss_by_time", by_time)


def comparable(model: ModelResults, known: Mapping[str, Losses], published: Published) -> bool:
    """Whether published losses can be shown by epoch: not if an epoch has fewer images here."""
    return model.name in known and model.history[0]["images"] > 0.99 * published["images"]


def up_to_last_epoch(losses: Losses, model: ModelResults) -> Losses:
    """Published losses up to the last epoch of a model."""
    epoch, training, validation = losses
    reached = epoch <= model.history[-1]["epoch"]
    return epoch[reached], training[reached], validation[reached]


def draw_by_epoch(
    models: Sequence[ModelResults],
    colours: Mapping[str, str],
    published: Mapping[str, Losses],
    scale: str,
) -> Figure:
    """One panel for each model: training and validation loss, the published ones in grey."""
    figure, axes = row_of_panels(len(models), 3.2 * len(models) + 0.6, 2.9)
    for axis, model in zip(axes, models, strict=True):
        if model.name in published:
            epoch, *both = published[model.name]
            for y, style, part in zip(both, ("--", "-"), ("training", "validation"), strict=True):
                label = f"published, {part}"
                axis.plot(epoch, y, style, label=label, color=REAL, lw=1, marker=cross(y), ms=5)
        epoch, colour = model.column("epoch"), colours[model.name]
        training, validation = model.column("train_loss"), model.column("validation_loss")
        axis.plot(epoch, training, "--", label="training", mfc="white", color=colour, marker="o")
        axis.plot(epoch, validation, "-", label="validation", color=colour, marker="o")
        ylabel = LOSSES.get(model.predicts, "mean squared error")
        axis.set(title=model.name, xlabel="epoch", ylabel=ylabel)
        axis.locator_params("x", integer=True)
        set_scale(axis, scale)
        axis.legend()
    return figure


def draw_validation(
    models: Iterable[ModelResults],
    colours: Mapping[str, str],
    x: Callable[[ModelResults], np.ndarray],
    scale: str,
    published: Mapping[str, Curve],
) -> Figure:
    """Validation losses over x, one panel for each prediction; published ones are dotted."""
    panels: dict[str, list[ModelResults]] = {}
    for model in models:
        panels.setdefault(ERRORS[model.predicts], []).append(model)
    figure, axes = row_of_panels(len(panels), 4.2 * len(panels) + 0.4, 3.1)
    for axis, (title, group) in zip(axes, panels.items(), strict=True):
        for model in group:
            name, colour = model.name, colours[model.name]
            axis.plot(
                x(model), model.column("validation_loss"), color=colour, marker="o", label=name
            )
            if name in published:
                known, y = published[name]
                label = f"{name}, published"
                axis.plot(known, y, ":", color=colour, marker=cross(y), ms=5, label=label)
        axis.set(title=title, ylabel="validation loss")
        set_scale(axis, scale)
        axis.legend()
    return figure


def cross(values: np.ndarray) -> str:
    """The marker of published values: a cross if they are too few for a line."""
    return "x" if len(values) < 5 else ""

"""Figures 2 and 10: the losses by epoch; the validation loss of all models by training images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hotcold.reporting.figures.params import FiguresParams
from hotcold.reporting.figures.style import MANY, REAL, Gallery, label, panels, set_scale
from hotcold.reporting.reading.published import Losses, Published, published_losses
from hotcold.reporting.reading.results import ModelResults, by_kind, grouped, known_and_further


def draw(
    gallery: Gallery, models: Sequence[ModelResults], published: Published, params: FiguresParams
) -> None:
    """Losses by epoch of the published models of each kind of degradation and of the further
    models, and validation losses by training images of all models."""
    known = published_losses(published)
    here, further = known_and_further(models, published["models"])
    for kind, group in by_kind(here).items():
        near = [m for m in group if comparable(m, known, published)]
        shown = {m.name: up_to_last_epoch(known[m.name], m) for m in near}
        figure = draw_by_epoch(group, gallery.colours, shown, params.loss_scale)
        gallery.add(f"loss_{kind}", figure)
    if further:
        gallery.add("loss_further", draw_by_epoch(further, gallery.colours, {}, params.loss_scale))
    by_images = draw_by_images(models, gallery.colours, known, published["images"])
    gallery.add("loss_by_images", by_images)
    columns = ("model", "source", "epoch", "images", "training_loss", "validation_loss")
    gallery.add_table("loss", columns, rows(models, known, published["images"]))


def rows(
    models: Sequence[ModelResults], known: Mapping[str, Losses], images: int
) -> Iterator[tuple[object, ...]]:
    """The losses of these models, and the published ones as far as they are known.

    images: of a published epoch.
    """
    for m in models:
        for row in m.history:
            losses = (f"{row['train_loss']:.6g}", f"{row['validation_loss']:.6g}")
            yield m.name, "here", int(row["epoch"]), int(row["images"]), *losses
    for name, (epochs, training, validation) in known.items():
        for epoch, *both in zip(epochs, training, validation, strict=True):
            known_losses = ("" if np.isnan(loss) else f"{loss:.6g}" for loss in both)
            yield name, "published", int(epoch), int(epoch) * images, *known_losses


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
    """One panel for each model: the training loss as a wide pale line, the validation loss as a
    thin line on it, the published ones in grey. Panels share their axes if all show one loss."""
    losses = {m.design.predicted.loss for m in models}
    columns = 3 if len(losses) == 1 else 2  # a label for each panel needs its place
    columns, height = (columns, 2.5) if len(models) <= MANY else (3, 1.7)
    figure, axes = panels(len(models), columns, height, sharex=True, sharey=len(losses) == 1)
    for axis, model in zip(axes, models, strict=True):
        epoch, colour = model.column("epoch"), colours[model.name]
        training, validation = model.column("train_loss"), model.column("validation_loss")
        marker = "o" if len(epoch) == 1 else ""
        axis.plot(epoch, training, color=colour, lw=4, alpha=0.5, marker=marker, label="training")
        axis.plot(epoch, validation, color=colour, lw=1.2, marker=marker, label="validation")
        if model.name in published:
            draw_published(axis, published[model.name])
        axis.set_title(model.name)
        axis.locator_params("x", integer=True)
        set_scale(axis, scale)
    if len(losses) > 1:
        for axis, model in zip(axes, models, strict=True):
            axis.set_ylabel(model.design.predicted.loss.replace(" of ", "\nof "))
    label(figure, axes, "epoch", losses.pop() if len(losses) == 1 else "")
    return figure


def draw_published(axis: Axes, losses: Losses) -> None:
    """Published losses as lines, or as crosses if they are too few."""
    epoch, *both = losses
    for y, style, part in zip(both, (":", "--"), ("training", "validation"), strict=True):
        if not np.isnan(y).all():
            marker = "+" if part == "training" else "x"
            line = {"ls": "none", "marker": marker} if len(y) < 5 else {"ls": style, "marker": ""}
            axis.plot(epoch, y, **line, ms=7, color=REAL, lw=1, label=f"published, {part}")


def draw_by_images(
    models: Sequence[ModelResults],
    colours: Mapping[str, str],
    known: Mapping[str, Losses],
    images: int,
) -> Figure:
    """Validation losses by training images, one panel for each prediction; published ones are
    dotted, or crosses if they are too few. images: of a published epoch."""
    by_loss = grouped(models, lambda model: model.design.predicted.loss)
    figure, axes = panels(len(by_loss), 2, 2.6, sharex=True)
    for axis, (title, group) in zip(axes, by_loss.items(), strict=True):
        for model in group:
            name, colour = model.name, colours[model.name]
            seen, losses = model.column("images"), model.column("validation_loss")
            marker = "o" if len(seen) == 1 else ""
            axis.plot(seen, losses, color=colour, marker=marker, label=name)
            if name in known:
                epochs, _, y = known[name]
                line, words = "x" if len(y) < 5 else ":", f"{name}, published"
                axis.plot(epochs * images, y, line, ms=6, color=colour, label=words)
        axis.set_title(title)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        set_scale(axis, "log")
    label(figure, axes, "training images seen", "validation loss")
    return figure

"""Figures 1, 7 and 8: one image as it is degraded, and the schedules, for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from hotcold.data import mnist
from hotcold.models.process import Process, build
from hotcold.numerics.pixels import to_levels, to_pixels
from hotcold.numerics.rng import generator
from hotcold.reporting.figures.style import Gallery, image_rows, panels, power_of_ten
from hotcold.reporting.reading.formatting import counted, names
from hotcold.reporting.reading.published import Published
from hotcold.reporting.reading.results import ModelResults, by_kind, grouped, known_and_further

LINES, LONGEST = 4, 40  # of the names beside a row, and characters of them in a legend


def draw(gallery: Gallery, models: Sequence[ModelResults], published: Published, seed: int) -> None:
    """One test image as it is degraded, for the published models of each kind of degradation and
    for the further models; the schedules of the impulse models and of all."""
    image = mnist.images("test")[:1]
    here, further = known_and_further(models, published["models"])
    for kind, group in by_kind(here).items():
        gallery.add(f"degradation_{kind}", draw_states(group, image, seed))
        if kind == "impulse":
            gallery.add("schedule_impulse", draw_schedules({kind: group}, gallery.colours))
    if further:
        gallery.add("degradation_further", draw_states(further, image, seed))
    gallery.add("schedules", draw_schedules(by_kind(models), gallery.colours))
    rows = (
        (model.name, t, f"{value:.5g}")
        for model in models
        for t, value in enumerate(process(model).schedule.tolist())
    )
    gallery.add_table("schedules", ("model", "t", "value"), rows)


def process(model: ModelResults) -> Process:
    """The forward process of a model."""
    return build(model.design.block()["degradation"])


def draw_states(models: Sequence[ModelResults], image: Tensor, seed: int) -> Figure:
    """Rows of states, one for each degradation. image: (1, 1, 28, 28) uint8."""
    groups = grouped(models, lambda model: repr(model.design.degradation)).values()
    degraded = [degrade(group[0], image, seed) for group in groups]
    strips, captions = zip(*degraded, strict=True)
    labels = [
        "\n".join(model.name for model in group) if len(group) <= LINES else listed(group)
        for group in groups
    ]
    return image_rows(strips, labels, captions=captions)


def listed(models: Sequence[ModelResults]) -> str:
    """The names of models, or of the first one and how many others if they are long."""
    first, *others = found = [model.name for model in models]
    text = names(found)
    return (
        f"{first} and {counted(len(others), 'other')}" if others and len(text) > LONGEST else text
    )


def degrade(model: ModelResults, image: Tensor, seed: int) -> tuple[np.ndarray, list[str]]:
    """One image at increasing t with the same noise, and the values of the schedule as captions.

    image: (1, 1, 28, 28) uint8. The images are (7, 28, 28) uint8, or fewer if T is small.
    """
    params, forward = model.design.degradation, process(model)
    steps = sorted({round(t * forward.T / params.shown_of) for t in params.shown})
    x_0 = to_pixels(image)
    noise = forward.draw_noise(x_0, generator("cpu", seed, "figures"))
    states = torch.cat([forward.degrade(x_0, noise, t) for t in steps])
    captions = [caption(float(forward.schedule[t]), params.is_share) for t in steps]
    if params.names_clean:  # although equation 17 gives rho_0 = rho_start
        captions[0] = "clean"
    return to_levels(states)[:, 0].numpy(), captions


def caption(value: float, is_share: bool) -> str:
    """A value of a schedule: a share with three decimals, or as a multiple of a power of ten if it
    is smaller."""
    if not is_share:
        return f"{value:.3g}"
    if value == 0 or value >= 5e-4:
        return f"{value:.3f}"
    factor, power = f"{value:.1e}".split("e")
    return f"{factor}·{power_of_ten(float(f'1e{power}'), 0)}"


def draw_schedules(
    by_kind: Mapping[str, Sequence[ModelResults]], colours: Mapping[str, str]
) -> Figure:
    """The schedules over t, one panel for each kind, one line for each schedule."""
    figure, axes = panels(len(by_kind), 2, 2.4)
    for axis, models in zip(axes, by_kind.values(), strict=True):
        lines = grouped(models, lambda model: tuple(process(model).schedule.tolist()))
        for values, group in lines.items():
            axis.plot(values, color=colours[group[0].name], label=listed(group))
        axis.set(xlabel="step t", ylabel=models[0].design.degradation.quantity)
        axis.legend()
    return figure

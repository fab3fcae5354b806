"""Figures 1, 7 and 8: one image as it is degraded, and the schedules, for each kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from hotcold.data import mnist
from hotcold.models import degradations
from hotcold.numerics.pixels import to_levels, to_pixels
from hotcold.numerics.rng import generator
from hotcold.reporting.figures.style import Gallery, image_rows, panels, power_of_ten
from hotcold.reporting.reading.formatting import names
from hotcold.reporting.reading.published import Published
from hotcold.reporting.reading.results import ModelResults, by_kind, known_and_further

FIGURE_1_STEPS = (0, 50, 100, 250, 500, 750, 999)  # of T = 1000, as in figure 1
FIGURE_8_STEPS = (0, 25, 50, 75, 100, 125, 149)  # of T = 150, as in figure 8
QUANTITIES = {  # what the schedule sets, by kind
    "gaussian": "remaining signal α",
    "impulse": "density ρ",
    "blur": "standard deviation in pixels",
    "pixelation": "side of a square in pixels",
    "fading": "width in pixels",
    "dissipation": "standard deviation of the blur in pixels",
}


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
        for t, value in enumerate(schedule(process(model)))
    )
    gallery.add_table("schedules", ("model", "t", "value"), rows)


def process(model: ModelResults) -> degradations.Process:
    """The forward process of a model."""
    return degradations.build(model.design.block()["degradation"])


def same_degradation(models: Iterable[ModelResults]) -> list[list[ModelResults]]:
    """The models in groups with the same degradation."""
    groups: dict[str, list[ModelResults]] = {}
    for model in models:
        groups.setdefault(repr(model.design.degradation), []).append(model)
    return list(groups.values())


def draw_states(models: Sequence[ModelResults], image: Tensor, seed: int) -> Figure:
    """Rows of states, one for each degradation. image: (1, 1, 28, 28) uint8."""
    groups = same_degradation(models)
    degraded = [degrade(process(group[0]), image, seed) for group in groups]
    strips, captions = zip(*degraded, strict=True)
    labels = ["\n".join(model.name for model in group) for group in groups]
    return image_rows(strips, labels, captions=captions)


def schedule(process: degradations.Process) -> np.ndarray:
    """What the schedule sets, for t = 0..T, (T + 1,)."""
    match process:
        case degradations.Gaussian():
            return process.alpha_bar.numpy()
        case degradations.Impulse():
            return process.density.numpy()
        case degradations.Blur():
            return process.std.numpy()
        case degradations.Dissipation():
            return process.blur.std.numpy()
        case degradations.Pixelation():
            return np.array([1, *process.sides])
        case degradations.Fading():
            return process.widths.numpy()


def degrade(
    process: degradations.Process, image: Tensor, seed: int
) -> tuple[np.ndarray, list[str]]:
    """One image at increasing t with the same noise, and the values of the schedule as captions.

    image: (1, 1, 28, 28) uint8. The images are (7, 28, 28) uint8, or fewer if T is small.
    """
    gaussian = isinstance(process, degradations.Gaussian)
    steps_shown, of_T = (FIGURE_1_STEPS, 1000) if gaussian else (FIGURE_8_STEPS, 150)
    steps = sorted({round(t * process.T / of_T) for t in steps_shown})
    x_0 = to_pixels(image)
    noise = process.draw_noise(x_0, generator("cpu", seed, "figures"))
    states = torch.cat([process.degrade(x_0, noise, t) for t in steps])
    values = schedule(process)
    # At t = 0 the image is clean, although equation 17 gives rho_0 = rho_start.
    captions = [caption(process, values[t]) if gaussian or t else "clean" for t in steps]
    return to_levels(states)[:, 0].numpy(), captions


def caption(process: degradations.Process, value: float) -> str:
    """A value of a schedule: a share with three decimals, or as a multiple of a power of ten if it
    is smaller."""
    if not isinstance(process, degradations.Gaussian | degradations.Impulse):
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
    for axis, (kind, models) in zip(axes, by_kind.items(), strict=True):
        lines: dict[tuple[float, ...], list[str]] = {}
        for model in models:
            lines.setdefault(tuple(schedule(process(model))), []).append(model.name)
        for values, group in lines.items():
            axis.plot(values, color=colours[group[0]], label=names(group))
        axis.set(xlabel="step t", ylabel=QUANTITIES[kind])
        axis.legend()
    return figure

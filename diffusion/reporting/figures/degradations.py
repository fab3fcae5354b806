"""Figures 1, 7 and 8: one image as it is degraded, and the schedules, for each kind."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from diffusion.data import mnist
from diffusion.models import degradations
from diffusion.models.params import DesignParams
from diffusion.reporting.results import KINDS
from diffusion.reporting.style import Gallery, image_rows
from diffusion.runtime.pixels import to_levels, to_pixels
from diffusion.runtime.rng import generator

FIGURE_1_STEPS = (0, 50, 100, 250, 500, 750, 999)  # of T = 1000, as in figure 1
FIGURE_8_STEPS = (0, 25, 50, 75, 100, 125, 149)  # of T = 150, as in figure 8
QUANTITIES = {  # what the schedule sets, by kind
    "gaussian": r"$\bar\alpha_t$",
    "impulse": r"density $\rho_t$",
    "blur": "standard deviation in pixels",
    "pixelation": "side of a square in pixels",
    "fading": "width in pixels",
    "dissipation": "standard deviation of the blur in pixels",
}


def draw(gallery: Gallery, designs: Mapping[str, DesignParams], seed: int) -> None:
    """One test image and the schedules, for each kind of degradation that occurs."""
    image = mnist.images("test")[:1]
    for kind in KINDS:
        group = {name: d for name, d in designs.items() if d.degradation.kind == kind}
        if not group:
            continue
        processes = {
            name: degradations.build(design.block()["degradation"])
            for name, design in group.items()
        }
        rows = {  # models with the same degradation share a row
            "\n".join(n for n in group if group[n].degradation == design.degradation): name
            for name, design in group.items()
        }
        degraded = [degrade(processes[name], image, seed) for name in rows.values()]
        strips, captions = zip(*degraded, strict=True)
        gallery.add_pixels(f"degradation_{kind}", image_rows(strips, list(rows), captions=captions))
        schedules = {name: schedule(process) for name, process in processes.items()}
        gallery.add_lines(
            f"schedule_{kind}", draw_schedules(schedules, gallery.colours, QUANTITIES[kind])
        )


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
    captions = [f"{values[t]:.3g}" if gaussian or t else "clean" for t in steps]
    return to_levels(states)[:, 0].numpy(), captions


def draw_schedules(
    schedules: Mapping[str, np.ndarray], colours: Mapping[str, str], ylabel: str
) -> Figure:
    """The schedules of models, each (T + 1,), over t. All but the first are dashed and thinner,
    because schedules may be equal."""
    figure, axis = plt.subplots(figsize=(4.6, 2.8))
    for i, (name, y) in enumerate(schedules.items()):
        axis.plot(y, color=colours[name], label=name, ls="--" if i else "-", lw=1.5 if i else 2)
    axis.set(xlabel="step t", ylabel=ylabel)
    axis.legend()
    return figure

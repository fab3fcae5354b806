"""Restore a picture with a model that undoes impulse noise, blur or another degradation:

hotcold restore model3 noisy.png --output restored.png

The picture has 28 x 28 pixels, light on dark as in MNIST; with --add-noise it may have any size and
is resized. The result shows, from left to right: the degraded picture, its restoration in one step,
by the naive sampler (Algorithm 4 of the published report), and by the improved sampler (Algorithm 2
of Bansal et al.), whose noise is that of --add-noise, or else inferred from the picture.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from hotcold.commands import File, outputs, pictures
from hotcold.models import kinds
from hotcold.models.process import Start
from hotcold.numerics import devices
from hotcold.numerics.pixels import to_levels
from hotcold.numerics.rng import ChunkedNoise, generator
from hotcold.reporting.figures.style import tile
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Precision, read
from hotcold.samplers.cold.params import Cold
from hotcold.samplers.cold.sampler import improved, naive
from hotcold.sampling.draw import samplers_of

COLUMNS = ("degraded", "one step", "naive", "improved")


@pictures.model_command(__doc__, "restored.png")
@click.argument("picture", type=File())
@click.option(
    "--add-noise",
    is_flag=True,
    help="degrade the picture first, as in training; it may have any size",
)
@click.option("--invert", is_flag=True, help="the picture is dark on light")
@click.option("--seed", default=0, help="of the noise")
def main(
    model: str,
    weights: Path | None,
    output: Path,
    picture: Path,
    add_noise: bool,
    invert: bool,
    seed: int,
) -> None:
    outputs.check(output, picture, weights)
    x_T = pictures.read(picture, invert, resize=add_noise)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    loaded = pictures.load(model, weights, device)
    process, predict = loaded.process, loaded.predict
    if not any(kinds.params("samplers", kind).restores for kind in samplers_of(loaded)):
        raise UserError(f"{model} generates images: use hotcold generate")

    x_T = x_T.to(device)
    noise = ChunkedNoise([1], [generator("cpu", seed, "restore")])
    u = noise.uniform(x_T)
    if add_noise:
        x_T = process.degrade(x_T, u, process.T)
    elif process.is_clean(x_T):
        print(
            f"warning: {picture} has no {process.kind} noise, and {model} expects it: "
            "--add-noise adds it"
        )
    with torch.inference_mode(), devices.autocast(device, dtype):
        one_step = predict(x_T, process.T)
        start = Start(x_T, u if add_noise else process.noise_behind(x_T, one_step, u))
        panels = [
            x_T,
            one_step,
            naive(Cold.complete(process.T), predict, process, start, noise),
            improved(predict, process, start),
        ]
    levels = to_levels(torch.cat(panels)).squeeze(1).cpu().numpy()
    pictures.save(output, tile(levels, len(COLUMNS)), COLUMNS)
    print(f"{output}: {', '.join(COLUMNS)}, by {pictures.source(model, weights, loaded)}")

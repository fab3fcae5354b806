"""Draw new digits from a trained model into one picture:

hotcold generate model1 --images 64 --output generated.png

A model with labels draws the digit that you ask for, or each digit in turn:

hotcold generate model9 --digit 7 --guidance 2
"""

from __future__ import annotations

import math
import secrets
from pathlib import Path

import click
import torch

from hotcold.commands import outputs, pictures, samplers
from hotcold.numerics import devices
from hotcold.numerics.pixels import SIDE
from hotcold.numerics.rng import Stream
from hotcold.reporting.figures.style import tile
from hotcold.runs.progress import Progress
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Precision, read
from hotcold.sampling.draw import DrawOptions, draw

MOST = 10_000  # images in one picture


@pictures.model_command(__doc__, "generated.png")
@click.option("--images", type=click.IntRange(1, MOST), default=64, help="how many")
@click.option("--steps", type=int, help="of the sampler (those of the model's block)")
@click.option(
    "--eta", type=click.FloatRange(0, 1), help="with --steps, 0 to 1 (of the model's block, or 1)"
)
@click.option(
    "--clip/--no-clip",
    default=None,
    help="clip the estimate of x_0, with --steps (as in the model's block)",
)
@click.option(
    "--digit", type=click.IntRange(0, 9), help="of a model with labels (each of them in turn)"
)
@click.option(
    "--guidance",
    type=click.FloatRange(0, 100),
    help="how much the label counts: 0 not at all, 1 plainly, more for more typical digits (that "
    "of the model's block)",
)
@click.option("--seed", type=int, help="for reproducible images (random)")
def main(
    model: str,
    weights: Path | None,
    output: Path,
    images: int,
    steps: int | None,
    eta: float | None,
    clip: bool | None,
    digit: int | None,
    guidance: float | None,
    seed: int | None,
) -> None:
    outputs.check(output, weights)
    given = {"eta": eta, "clip": clip, "guidance": guidance}
    fixed = {key: value for key, value in given.items() if value is not None}
    for key, value in fixed.items():
        if math.isnan(value):
            raise UserError(f"--{key} is nan, must be a number")
    for key in fixed.keys() - {"guidance"}:
        if steps is None:
            raise UserError(f"--{key} must be absent without --steps")
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    loaded = pictures.load(model, weights, device)
    if digit is not None and not loaded.classes:
        raise UserError(f"--digit must be absent: {model} has no labels")
    sampler = samplers.choose(model, loaded, steps, fixed)
    if digit is not None and getattr(sampler, "guidance", 1) == 0:
        raise UserError("--digit must be absent with guidance 0, which ignores labels")
    seed = secrets.randbelow(2**31) if seed is None else seed
    T, batch_size = loaded.process.T, devices.batch_size(device)
    evaluations = DrawOptions(dtype, batch_size).steps(sampler, T, images)
    with Progress("generate", evaluations) as bar:
        shapes = torch.zeros(images, 1, SIDE, SIDE, device=device)
        options = DrawOptions(dtype, batch_size, bar.advance)
        labels = None if digit is None else torch.full((images,), digit)
        sets = draw(loaded, shapes, sampler, Stream(seed, "generate"), options, labels)
    drawn = sets[sampler.main_set].squeeze(1).numpy()
    pictures.save(output, tile(drawn, math.ceil(math.sqrt(images))))
    print(
        f"{output}: {images} images of {pictures.source(model, weights, loaded)}, "
        f"{sampler.main_set}{sampler.how or f', in {T} steps'}; "
        f"the same images again: --seed {seed}"
    )

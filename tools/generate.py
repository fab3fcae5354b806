"""Draw new digits from a trained model into one picture:

python -m tools.generate model1 --images 64 --output generated.png

A model with labels draws the digit that you ask for, or each digit in turn:

python -m tools.generate model9 --digit 7 --guidance 2
"""

from __future__ import annotations

import argparse
import math
import secrets
from typing import Any

import torch

from hotcold.numerics import devices
from hotcold.numerics.pixels import SIDE
from hotcold.numerics.rng import Stream
from hotcold.reporting.figures.style import tile
from hotcold.runs.progress import Progress
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import Precision, read
from hotcold.sampling.draw import DrawOptions, draw
from tools import outputs, pictures, samplers

MOST = 10_000  # images in one picture


def parse() -> argparse.Namespace:
    """The command line. Raises UserError for a wrong value."""
    parser = pictures.parser("generate", __doc__, "generated.png")
    parser.add_argument("--images", type=int, default=64, help="how many (64)")
    parser.add_argument(
        "--steps", type=int, help="of the sampler (those of the model's block in params.yaml)"
    )
    parser.add_argument(
        "--eta", type=float, help="of the sampler with --steps, 0 to 1 (the best of the step study)"
    )
    parser.add_argument(
        "--clip",
        action=argparse.BooleanOptionalAction,
        help="clip the estimate of x_0, with --steps (the better of the step study)",
    )
    parser.add_argument("--digit", type=int, help="0 to 9, of a model with labels (each in turn)")
    parser.add_argument(
        "--guidance",
        type=float,
        help="how much the label counts: 0 not at all, 1 plainly, more for more typical digits "
        "(that of the model's block in params.yaml)",
    )
    parser.add_argument("--seed", type=int, help="for reproducible images (random)")
    arguments = parser.parse_args()
    outputs.check(arguments.output, arguments.checkpoint)
    for key, low, high in (
        ("images", 1, MOST),
        ("eta", 0, 1),
        ("guidance", 0, 100),
        ("digit", 0, 9),
    ):
        value = getattr(arguments, key)
        if value is not None and not low <= value <= high:
            raise UserError(f"--{key} is {value}, must be in {low}..{high}")
    for key in fixed(arguments).keys() - {"guidance"}:
        if arguments.steps is None:
            raise UserError(f"--{key} must be absent without --steps")
    return arguments


def fixed(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings of the sampler that the command line has."""
    values = {"eta": arguments.eta, "clip": arguments.clip, "guidance": arguments.guidance}
    return {key: value for key, value in values.items() if value is not None}


def main() -> None:
    arguments = parse()
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = pictures.load(arguments, device)
    if arguments.digit is not None and not model.classes:
        raise UserError(f"--digit must be absent: {arguments.model} has no labels")
    sampler, lines = samplers.choose(arguments.model, model, arguments.steps, fixed(arguments))
    for line in lines:
        print(line)
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    count, T = arguments.images, model.process.T
    batch_size = devices.batch_size(device)
    evaluations = DrawOptions(dtype, batch_size).steps(sampler, T, count)
    with Progress("generate", evaluations) as bar:
        shapes = torch.zeros(count, 1, SIDE, SIDE, device=device)
        options = DrawOptions(dtype, batch_size, bar.advance)
        labels = None if arguments.digit is None else torch.full((count,), arguments.digit)
        sets = draw(model, shapes, sampler, Stream(seed, "generate"), options, labels)
    images = sets[sampler.main_set].squeeze(1).numpy()
    pictures.save(arguments.output, tile(images, math.ceil(math.sqrt(count))))
    steps = getattr(sampler, "steps", T)
    print(
        f"{arguments.output}: {count} images of {pictures.source(arguments, model)}, "
        f"{sampler.main_set}, {steps} steps; "
        f"the same images again: --seed {seed}"
    )


if __name__ == "__main__":
    run(main)

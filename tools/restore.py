"""Restore a picture with a model that undoes impulse noise, blur or another degradation:

python -m tools.restore model3 noisy.png --output restored.png

The picture has 28 x 28 pixels, light on dark as in MNIST; with --add-noise it may have any size and
is resized. The result shows, from left to right: the degraded picture, its restoration in one step,
by the naive sampler (Algorithm 4 of the published report), and by the improved sampler (Algorithm 2
of Bansal et al.).
"""

from __future__ import annotations

from pathlib import Path

import torch

from hotcold.models import kinds
from hotcold.models.process import Start
from hotcold.numerics import devices
from hotcold.numerics.pixels import to_levels
from hotcold.numerics.rng import ChunkedNoise, generator
from hotcold.reporting.figures.style import tile
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import Precision, read
from hotcold.samplers.cold.sampler import improved, naive
from hotcold.sampling.draw import samplers_of
from tools import outputs, pictures

COLUMNS = ("degraded", "one step", "naive", "improved")


def main() -> None:
    parser = pictures.parser("restore", __doc__, "restored.png")
    parser.add_argument("picture", type=Path, metavar="PICTURE")
    parser.add_argument(
        "--add-noise",
        action="store_true",
        help="degrade the picture first, as in training; it may have any size",
    )
    parser.add_argument("--invert", action="store_true", help="the picture is dark on light")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (0)")
    arguments = parser.parse_args()
    outputs.check(arguments.output, arguments.picture, arguments.checkpoint)
    picture = pictures.read(arguments.picture, arguments.invert, resize=arguments.add_noise)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = pictures.load(arguments, device)
    process = model.process
    if not any(kinds.params("samplers", kind).restores for kind in samplers_of(model)):
        raise UserError(f"{arguments.model} generates images: use python -m tools.generate")

    x_T = picture.to(device)
    noise = ChunkedNoise([1], [generator("cpu", arguments.seed, "restore")])
    u = noise.uniform(x_T)
    if arguments.add_noise:
        x_T = process.degrade(x_T, u, process.T)
    else:
        u = process.noise_behind(x_T, u)
        if process.is_clean(x_T):
            print(
                f"warning: {arguments.picture} has no {process.kind} noise, and {arguments.model} "
                "expects it: --add-noise adds it"
            )
    start = Start(x_T, u)
    with torch.inference_mode(), devices.autocast(device, dtype):
        panels = [
            x_T,
            model.predict(x_T, process.T),
            naive(model.predict, process, start, noise),
            improved(model.predict, process, start),
        ]
    levels = to_levels(torch.cat(panels)).squeeze(1).cpu().numpy()
    pictures.save(arguments.output, tile(levels, len(COLUMNS)), COLUMNS)
    print(f"{arguments.output}: {', '.join(COLUMNS)}, by {pictures.source(arguments, model)}")


if __name__ == "__main__":
    run(main)

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
import torch.nn.functional as F
from hotcold.sampling.samplers import sample_cold_improved, sample_cold_naive
from torch import Tensor

from hotcold.models import degradations
from hotcold.numerics import devices
from hotcold.numerics.pixels import HIGH, to_levels
from hotcold.numerics.rng import ChunkedNoise, generator
from hotcold.reporting.figures.style import tile
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import Precision, read
from tools import outputs, pictures

COLUMNS = ("degraded", "one step", "naive", "improved")


def noise_behind(process: degradations.Impulse, x_T: Tensor, u: Tensor) -> Tensor:
    """Noise of equation 16 that degrades an image to x_T: every white pixel counts as salt and
    every black pixel as pepper, even if it belongs to the digit. The order within salt, pepper
    and other pixels is that of u.

    x_T, u: (N, 1, H, W), u uniform in [0, 1).
    """
    density = float(process.density[process.T])
    salt, pepper = x_T >= process.high, x_T <= process.low
    untouched = density + u * (1 - 2 * density)
    return torch.where(salt, u * density, torch.where(pepper, 1 - u * density, untouched))


def lone_salt(x_T: Tensor) -> float:
    """The share of pixels that are white while their four neighbours are not.

    x_T: (N, 1, H, W). In noise of density rho it is rho (1 - rho)^4, in a digit nearly 0.
    """
    salt = (x_T >= HIGH).float()
    cross = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]], device=x_T.device)
    neighbours = F.conv2d(salt, cross[None, None], padding=1)
    return float((salt * (neighbours == 0)).mean())


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
    if not degradations.restores(process):
        raise UserError(f"{arguments.model} generates images: use python -m tools.generate")

    x_T = picture.to(device)
    noise = ChunkedNoise([1], [generator("cpu", arguments.seed, "restore")])
    u = noise.uniform(x_T)
    if arguments.add_noise:
        x_T = process.degrade(x_T, u, process.T)
    elif isinstance(process, degradations.Impulse):
        u = noise_behind(process, x_T, u)
        density = float(process.density[process.T])
        if lone_salt(x_T) < density * (1 - density) ** 4 / 4:
            print(
                f"warning: {arguments.picture} has no impulse noise, and {arguments.model} expects "
                f"it in {2 * density:.0%} of the pixels: --add-noise adds it"
            )
    with torch.inference_mode(), devices.autocast(device, dtype):
        panels = [
            x_T,
            model.predict(x_T, process.T),
            sample_cold_naive(model.predict, process, x_T, u, noise.uniform),
            sample_cold_improved(model.predict, process, x_T, u),
        ]
    levels = to_levels(torch.cat(panels)).squeeze(1).cpu().numpy()
    pictures.save(arguments.output, tile(levels, len(COLUMNS)), COLUMNS)
    print(f"{arguments.output}: {', '.join(COLUMNS)}, by {pictures.source(arguments, model)}")


if __name__ == "__main__":
    run(main)

"""Restore a picture with a model that undoes impulse noise, blur or another degradation:

python -m tools.restore model3 noisy.png --output restored.png

The picture has 28 x 28 pixels, light on dark as in MNIST. The result shows, from left to right:
the picture that the model starts from, its restoration in one step, the naive sampler
(Algorithm 4 of the report) and the improved one (Algorithm 2 of Bansal et al.).
"""

from __future__ import annotations

from pathlib import Path

from diffusion.runtime.errors import UserError, run

# isort: split
import torch
from torch import Tensor

from diffusion import mnist as data
from diffusion.models import degradations
from diffusion.reporting.plotting import tile
from diffusion.runtime import devices
from diffusion.runtime.params import read
from diffusion.runtime.rng import Chunked, generator
from diffusion.sampling.samplers import predictor, sample_cold_improved, sample_cold_naive
from diffusion.training.params import Precision
from tools import pictures


def field_behind(process: degradations.Impulse, x_T: Tensor, u: Tensor) -> Tensor:
    """The field of equation 16 that made x_T, as far as x_T shows it: salt where it is white,
    pepper where it is black, also where the digit itself is; the order within each from u.

    x_T, u: (N, 1, H, W), u uniform in [0, 1).
    """
    density = float(process.density[process.T])
    salt, pepper = x_T >= process.high, x_T <= process.low
    kept = density + u * (1 - 2 * density)
    return torch.where(salt, u * density, torch.where(pepper, 1 - u * density, kept))


def main() -> None:
    parser = pictures.parser("restore", __doc__, "restored.png")
    parser.add_argument("picture", type=Path, metavar="PICTURE")
    parser.add_argument("--add-noise", action="store_true", help="degrade it first as in training")
    parser.add_argument("--invert", action="store_true", help="the picture is dark on light")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (0)")
    given = parser.parse_args()
    pictures.check_output(given.output)
    start = pictures.read(given.picture, given.invert)
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    net, process, description = pictures.load(given, device)
    if isinstance(process, degradations.Gaussian | degradations.GreyImpulse):
        raise UserError(f"{given.model} generates images: python -m tools.generate")

    start = start.to(device)
    noise = Chunked([1], [generator(device, given.seed, "restore")])
    u = noise.uniform(start)
    if given.add_noise:
        start = process.degrade(start, u, process.T)
    elif isinstance(process, degradations.Impulse):
        u = field_behind(process, start, u)
    restore = predictor(net, process.T)
    with torch.inference_mode(), devices.autocast(device, dtype):
        shown = [
            start,
            restore(start, process.T),
            sample_cold_naive(restore, process, start, u, noise.uniform),
            sample_cold_improved(restore, process, start, u),
        ]
    pictures.save(given.output, tile(data.to_levels(torch.cat(shown)).squeeze(1).cpu().numpy(), 4))
    print(
        f"{given.output}: start, one step, naive, improved, by {given.model}, "
        f"epoch {description['epoch']}"
    )


if __name__ == "__main__":
    run(main)

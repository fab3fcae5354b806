"""Draw fresh digits from a trained model into one picture:

python -m tools.generate model1 --images 64 --output digits.png
"""

from __future__ import annotations

import math
import secrets

from diffusion.runtime.errors import UserError, run

# isort: split
import torch

from diffusion.models import degradations, predictions
from diffusion.reporting.plotting import tile
from diffusion.runtime import devices
from diffusion.runtime.params import Count, read
from diffusion.runtime.progress import Progress
from diffusion.sampling import samplers
from diffusion.sampling.params import Posterior, Strided
from diffusion.training.params import Precision
from stages.sample import draw, sampler_of, steps_of
from tools import pictures


def main() -> None:
    parser = pictures.parser("generate", __doc__, "generated.png")
    parser.add_argument("--images", type=int, default=64, help="how many (64)")
    parser.add_argument("--steps", type=int, help="so many; else as params.yaml says")
    parser.add_argument("--eta", type=float, default=0.0, help="of DDIM, 0 to 1 (0)")
    parser.add_argument("--seed", type=int, help="the same images again (else fresh ones)")
    given = parser.parse_args()
    pictures.check_output(given.output)
    if given.images < 1:
        raise UserError(f"--images is {given.images}, must be 1 or more")
    if not 0 <= given.eta <= 1:
        raise UserError(f"--eta is {given.eta}, must be in 0..1")
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    net, process, description = pictures.load(given, device)
    if degradations.restores(process):
        raise UserError(
            f"{given.model} restores images, it has none of its own: python -m tools.restore"
        )
    if given.steps is not None and not 1 <= given.steps <= process.T:
        raise UserError(f"--steps is {given.steps}, must be in 1..{process.T}")

    seed = secrets.randbelow(2**31) if given.seed is None else given.seed
    sampler = sampler_of(given.model)
    if given.steps:
        kind = Posterior if isinstance(process, degradations.GreyImpulse) else Strided
        sampler = kind(steps=given.steps, eta=given.eta)
    batch_size = read("sampling.batch_size", Count)
    shapes = torch.zeros(given.images, 1, 28, 28, device=device)
    with (
        torch.inference_mode(),
        devices.autocast(device, dtype),
        Progress("generate", steps_of(process, sampler, batch_size, given.images)) as bar,
    ):
        predict = samplers.answers(net, process, predictions.of(process, description))
        stream = (seed, "generate")
        sets = draw(predict, process, shapes, sampler, batch_size, stream, bar.advance)
    ((way, drawn),) = sets.items()
    images = drawn.squeeze(1).numpy()
    pictures.save(given.output, tile(images, math.ceil(math.sqrt(given.images))))
    print(
        f"{given.output}: {given.images} images of {given.model}, epoch {description['epoch']}, "
        f"{way}, {getattr(sampler, 'steps', process.T)} steps; again with --seed {seed}"
    )


if __name__ == "__main__":
    run(main)

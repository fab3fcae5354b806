"""Draw recorded images of models again on this device, and compare them with the recorded ones:

python -m tools.checks.resample model3 model5 --images 100

Weights, noise and original images are those of stages.sample, so the machine that recorded the
images draws the same ones. Other hardware rounds differently. By default the main set of the best
checkpoint is compared, or for a model that restores the images of the improved sampler: in the
naive one, and in draws of grey levels, a difference of rounding grows into another image. Exits
with code 1 if less than MIN_SHARE of the pixels of a model are within TOLERANCE grey levels.
"""

from __future__ import annotations

import argparse
import math

from torch import Tensor

from diffusion import image_sets
from diffusion.models.model import DiffusionModel
from diffusion.runtime import cli, devices, paths
from diffusion.runtime.errors import UserError, run
from diffusion.runtime.params import Precision, Seed, read, validate
from diffusion.runtime.pixels import to_pixels
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import CHUNK, Stream
from diffusion.sampling.draw import DrawOptions, draw
from diffusion.sampling.params import Sampler

TOLERANCE = 2  # of 255
MIN_SHARE = 0.95


def redraw(name: str, checkpoint: str, key: str | None, count: int) -> tuple[str, Tensor]:
    """The name of a set, and the differences between its first recorded images and the same images
    drawn again, (N, 1, 28, 28); N is `count`, rounded up to full chunks, if so many are recorded.

    Raises UserError for a set that the model does not have.
    """
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = DiffusionModel.load(paths.weights(name, checkpoint), device)
    epoch = model.description["epoch"]
    path = paths.samples(name, epoch)
    sets, recorded = image_sets.load(path)
    key = key or ("improved" if "improved" in sets else recorded["main"])
    if key not in sets:
        raise UserError(f"--set is '{key}', must be one of {', '.join(sets)} for {name}")
    sampler = validate(recorded["sampler"], Sampler, path, prefix=("sampler",))
    images = sets[key][: CHUNK * math.ceil(count / CHUNK)]
    x_0 = to_pixels(sets.get("original", images)[: len(images)]).to(device)
    stream = Stream(read("seed", Seed), "sample", name, epoch)
    batch_size = devices.batch_size(device)
    steps = DrawOptions(dtype, batch_size).steps(sampler, model.process.T, len(images))
    with Progress(f"resample {name}", steps) as bar:
        options = DrawOptions(dtype, batch_size, bar.advance)
        again = draw(model, x_0, sampler, stream, options)[key]
    return key, (again.int() - images.int()).abs()


def parse() -> argparse.Namespace:
    """The command line. Raises UserError for a number of images below 1."""
    parser = cli.parser("tools.checks.resample", __doc__)
    parser.add_argument("models", metavar="MODEL", type=cli.known_model, nargs="+")
    parser.add_argument("--images", type=int, default=CHUNK, help=f"of each model ({CHUNK})")
    parser.add_argument("--set", metavar="SET", help="ancestral, ddim, naive, one_step, ...")
    parser.add_argument(
        "--checkpoint", default="best", metavar="NAME", help="best, last or epoch_NNN (best)"
    )
    arguments = parser.parse_args()
    if arguments.images < 1:
        raise UserError(f"--images is {arguments.images}, must be 1 or more")
    return arguments


def main() -> None:
    arguments = parse()
    differing = []
    for name in arguments.models:
        key, difference = redraw(name, arguments.checkpoint, arguments.set, arguments.images)
        share = (difference <= TOLERANCE).double().mean().item()
        print(
            f"{name}, {arguments.checkpoint} checkpoint, {key}: {len(difference)} images drawn "
            f"again; {100 * share:.2f} % of the pixels are within {TOLERANCE} levels of the "
            f"recorded ones, the mean difference is {difference.double().mean():.3f}",
            flush=True,
        )
        if share < MIN_SHARE:
            differing.append(name)
    if differing:
        raise UserError(
            f"{', '.join(differing)}: the images differ from the recorded ones; "
            f"{100 * MIN_SHARE:.0f} % of the pixels must be within {TOLERANCE} levels"
        )


if __name__ == "__main__":
    run(main)

"""Draw recorded images of models again on this device, and compare them with the recorded ones:

python -m tools.checks.resample model3 model5 --images 100

Weights, noise and original images are those of stages.sample, so the machine that recorded the
images draws the same ones. Other hardware rounds differently, which some samplers amplify. By
default the main set of the best checkpoint is compared; for a model that restores images, the set
of the improved sampler. Images agree if at least MIN_SHARE of the pixels are within TOLERANCE grey
levels. Otherwise they are also drawn in another precision, bfloat16 or float32, and agree if their
mean difference from the recorded images is at most MAX_RATIO times that between the two precisions.
Exits with code 1 if a model disagrees, or if rounding changes its images too much to tell.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hotcold import samples_file
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.rng import CHUNK, Stream
from hotcold.runs.progress import Progress
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import Precision, Seed, read, validate
from hotcold.sampling.draw import DrawOptions, draw
from hotcold.sampling.params import Sampler

TOLERANCE = 2  # of 255
MIN_SHARE = 0.95
MAX_RATIO = 2
LIMIT = (
    f"at least {100 * MIN_SHARE:.0f} % of the pixels must be within {TOLERANCE} levels, or the "
    f"mean difference must be at most {MAX_RATIO} times the effect of rounding"
)


@dataclass(frozen=True)
class Comparison:
    """Recorded images and the same images drawn again.

    key: the name of their set. difference: of each pixel in grey levels, (N, 1, 28, 28). ratio: of
    the mean difference to that between two precisions; None where the pixels agree without it.
    """

    key: str
    difference: Tensor
    ratio: float | None = None

    @property
    def share(self) -> float:
        """The share of the pixels within TOLERANCE."""
        return (self.difference <= TOLERANCE).double().mean().item()

    @property
    def agrees(self) -> bool:
        return self.share >= MIN_SHARE or (self.ratio is not None and self.ratio <= MAX_RATIO)

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f", {self.ratio:.2f} times the effect of rounding"
        return f"{100 * self.share:.2f} % of the pixels within {TOLERANCE} levels{ratio}"


def compare(name: str, checkpoint: str, key: str | None, count: int) -> Comparison:
    """Draw the first recorded images of a set again: `count`, rounded up to full chunks, if so many
    are recorded.

    Raises UserError for a set that the model does not have, and if MAX_RATIO times the effect of
    rounding is as much as the difference between unlike images.
    """
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = DiffusionModel.load(paths.weights(name, checkpoint), device)
    epoch = model.description["epoch"]
    path = paths.samples(name, epoch)
    sets, recorded = samples_file.load(path)
    key = key or ("improved" if "improved" in sets else recorded["main"])
    if key not in sets:
        raise UserError(f"--set is '{key}', must be one of {', '.join(sets)} for {name}")
    sampler = validate(recorded["sampler"], Sampler, path, prefix=("sampler",))
    images = sets[key][: CHUNK * math.ceil(count / CHUNK)]
    x_0 = to_pixels(sets.get("original", images)[: len(images)]).to(device)
    stream = Stream(read("seed", Seed), "sample", name, epoch)
    batch_size = devices.batch_size(device)
    steps = DrawOptions(dtype, batch_size).steps(sampler, model.process.T, len(images))

    def drawn(dtype: torch.dtype) -> Tensor:
        with Progress(f"resample {name}", steps) as bar:
            options = DrawOptions(dtype, batch_size, bar.advance)
            return draw(model, x_0, sampler, stream, options)[key].int()

    again = drawn(dtype)
    comparison = Comparison(key, (again - images.int()).abs())
    if comparison.agrees:
        return comparison
    other = torch.bfloat16 if dtype == torch.float32 else torch.float32
    rounding = (drawn(other) - again).abs().sum().item()
    if rounding and MAX_RATIO * rounding >= (again.roll(1, 0) - again).abs().sum().item():
        raise UserError(f"{name}, {key}: rounding changes these images too much to compare them")
    ratio = comparison.difference.sum().item() / rounding if rounding else math.inf
    return Comparison(key, comparison.difference, ratio)


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
        compared = compare(name, arguments.checkpoint, arguments.set, arguments.images)
        print(
            f"{name}, {arguments.checkpoint} checkpoint, {compared.key}: "
            f"{len(compared.difference)} images drawn again; {compared}; the mean difference "
            f"from the recorded ones is {compared.difference.double().mean():.3f} levels",
            flush=True,
        )
        if not compared.agrees:
            differing.append(name)
    if differing:
        raise UserError(
            f"{', '.join(differing)}: the images differ from the recorded ones; {LIMIT}"
        )


if __name__ == "__main__":
    run(main)

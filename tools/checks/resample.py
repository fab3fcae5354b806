"""Draw the first recorded images of models again, and compare them with the recorded ones:

python -m tools.checks.resample model3 model5

Weights, noise and arithmetic are those of stages.sample at the best checkpoint, so the machine that
recorded the images draws the same ones. Other hardware rounds differently. For a model that
restores, the images of the improved sampler are compared: in the naive one, and in draws of grey
levels, a difference of rounding grows into another image. Exits with code 1 if less than MIN_SHARE
of the pixels of a model are within TOLERANCE grey levels.
"""

from __future__ import annotations

from diffusion import image_sets
from diffusion.models.model import DiffusionModel
from diffusion.runtime import cli, devices, paths
from diffusion.runtime.errors import UserError, run
from diffusion.runtime.params import Precision, Seed, read, validate
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import CHUNK, Stream
from diffusion.sampling.draw import DrawOptions, draw
from diffusion.sampling.params import Sampler
from stages.sample import originals

TOLERANCE = 2  # of 255
MIN_SHARE = 0.95


def resample(name: str) -> tuple[str, float]:
    """A sentence on the first chunk of recorded images, and the share of its pixels that are
    within TOLERANCE."""
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = DiffusionModel.load(paths.weights(name), device)
    epoch = model.description["epoch"]
    path = paths.samples(name, epoch)
    sets, recorded = image_sets.load(path)
    sampler = validate(recorded["sampler"], Sampler, path, prefix=("sampler",))
    key = "improved" if "improved" in sets else recorded["main"]
    images = sets[key][:CHUNK]
    x_0 = originals(sampler, len(images)).to(device)
    stream = Stream(read("seed", Seed), "sample", name, epoch)
    steps = DrawOptions(dtype).steps(sampler, model.process.T, len(images))
    with Progress(f"resample {name}", steps) as bar:
        again = draw(model, x_0, sampler, stream, DrawOptions(dtype, advance=bar.advance))[key]
    difference = (again.int() - images.int()).abs()
    share = (difference <= TOLERANCE).double().mean().item()
    sentence = (
        f"{name}, epoch {epoch}, {key}: {len(images)} images drawn again; "
        f"{100 * share:.2f} % of the pixels are within {TOLERANCE} levels of the recorded ones, "
        f"the mean difference is {difference.double().mean():.3f}"
    )
    return sentence, share


def main() -> None:
    parser = cli.parser("tools.checks.resample", __doc__)
    parser.add_argument("models", metavar="MODEL", nargs="+")
    differing = []
    for name in parser.parse_args().models:
        sentence, share = resample(name)
        print(sentence, flush=True)
        if share < MIN_SHARE:
            differing.append(name)
    if differing:
        raise UserError(
            f"{', '.join(differing)}: the images differ from the recorded ones; "
            f"{100 * MIN_SHARE:.0f} % of the pixels must be within {TOLERANCE} levels"
        )


if __name__ == "__main__":
    run(main)

"""Draw the first recorded images of models again, and say how far they are from the recorded ones:

python -m tools.resample model3 model5

Weights, noise and arithmetic are those of stages.sample at the best checkpoint, so that on the
machine that recorded them the images are the same. Other hardware rounds differently. Of models
that restore, the improved sampler's images are compared: the naive one adds fresh noise to its own
errors, and in it a difference of rounding grows to another image, as it does in draws of grey
levels. Exit code 1 where less than CLOSE of the pixels are within NEAR grey levels.
"""

from __future__ import annotations

import argparse

from diffusion.runtime.errors import UserError, run

# isort: split
import torch

from diffusion import image_sets
from diffusion.models import predictions, trained
from diffusion.runtime import devices
from diffusion.runtime.params import Seed, read
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import CHUNK
from diffusion.sampling import samplers
from diffusion.training.params import Precision
from stages.sample import CHECKPOINTS, OUTPUT, draw, originals, sampler_of, steps_of

NEAR = 2  # of 255
CLOSE = 0.95


def resample(name: str) -> tuple[str, float]:
    """What to say, and the share of near pixels, of the first chunk of a set."""
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    net, process, description = trained.load(CHECKPOINTS / name / "best.safetensors", device)
    epoch, sampler = description["epoch"], sampler_of(name)
    sets, recorded = image_sets.load(OUTPUT / name / f"epoch_{epoch:03d}.npz")
    shown = "improved" if "improved" in sets else recorded["main"]
    images = sets[shown][:CHUNK]
    with (
        torch.inference_mode(),
        devices.autocast(device, dtype),
        Progress(f"resample {name}", steps_of(process, sampler, CHUNK, len(images))) as bar,
    ):
        again = draw(
            samplers.answers(net, process, predictions.of(process, description)),
            process,
            originals(sampler, len(images)).to(device),
            sampler,
            CHUNK,
            (read("seed", Seed), "sample", name, epoch),
            bar.advance,
        )[shown]
    difference = (again.int() - images.int()).abs()
    near = (difference <= NEAR).double().mean().item()
    return (
        f"{name}, epoch {epoch}, {shown}: {len(images)} images drawn again; "
        f"{100 * near:.2f} % of the pixels are within {NEAR} levels of the recorded ones, "
        f"the mean difference is {difference.double().mean():.3f}"
    ), near


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.resample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", metavar="MODEL", nargs="+")
    others = []
    for name in parser.parse_args().models:
        said, near = resample(name)
        print(said, flush=True)
        if near < CLOSE:
            others.append(name)
    if others:
        raise UserError(
            f"{', '.join(others)}: other images than the recorded ones; "
            f"{100 * CLOSE:.0f} % of the pixels must be within {NEAR} levels"
        )


if __name__ == "__main__":
    run(main)

"""Compute the recorded validation losses of models again on this device, from the kept weights:

python -m tools.checks.validation model1 model5 --checkpoints best last

The loss is computed on the validation images, steps and noise of stages.train, which are the same
on every device; the weights are those that were kept, so rounded to `training.weights`. Exits with
code 1 if a loss differs by more than TOLERANCE of the recorded one.
"""

from __future__ import annotations

from pathlib import Path

import torch

from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import Precision, Seed, read
from hotcold.training.loop import Examples, LoopSettings, validate
from hotcold.training.params import TrainingParams

TOLERANCE = 0.01


def validation_examples(device: torch.device) -> Examples:
    """The images that stages.train validates on, and their labels."""
    images = mnist.images("train")
    split = mnist.split(len(images), read("data", DataParams))
    chosen = split.validation[: read("training", TrainingParams).validation_images]
    return Examples(images[chosen], mnist.labels("train")[chosen]).to(device)


def kept(name: str, checkpoints: list[str]) -> list[Path]:
    """The files of these checkpoints, or of all, of a model. Raises UserError if there are none."""
    if checkpoints:
        return [paths.weights(name, checkpoint) for checkpoint in checkpoints]
    files = sorted((paths.MODELS / name).glob("*.safetensors"))
    if not files:
        raise UserError(f"there are no weights of '{name}' in {paths.MODELS}: run dvc repro")
    return files


def main() -> None:
    parser = cli.parser("tools.checks.validation", __doc__)
    parser.add_argument("models", metavar="MODEL", type=cli.known_model, nargs="+")
    parser.add_argument(
        "--checkpoints", nargs="+", default=[], metavar="NAME", help="best, last, epoch_NNN (all)"
    )
    arguments = parser.parse_args()
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    settings = LoopSettings(batch_size=1, seed=read("seed", Seed), dtype=dtype)
    examples = validation_examples(device)
    differing = []
    print(f"{devices.describe(device, dtype)}\n\n| weights | recorded | computed | ratio |")
    print("|---|---|---|---|")
    for path in [file for name in arguments.models for file in kept(name, arguments.checkpoints)]:
        model = DiffusionModel.load(path, device)
        recorded = model.description["validation_loss"]
        seen = examples if model.classes else Examples(examples.images)
        with torch.inference_mode():
            loss = validate(model, seen, settings, model.description["epoch"])
        label = f"{path.parent.name}, {path.stem}"
        print(f"| {label} | {recorded:.5f} | {loss:.5f} | {loss / recorded:.4f} |", flush=True)
        if abs(loss / recorded - 1) > TOLERANCE:
            differing.append(label)
    if differing:
        raise UserError(
            f"{'; '.join(differing)}: the validation loss must be within "
            f"{100 * TOLERANCE:.0f} % of the recorded one"
        )


if __name__ == "__main__":
    run(main)

"""Compare losses at the published settings with the published losses, epoch by epoch:

python -m tools.benchmarks.published_losses model1=2 model3=5 [--precision float32] [--seed 1]

Trains with 48,000 images and validates on 12,000, whatever the budget in params.yaml; the data
must be there (`dvc repro download`). Nothing is saved. On two cores with bfloat16 units an epoch
takes one minute for model1 and three to four minutes for model3.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
import yaml

from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices, tables
from hotcold.numerics.rng import derive
from hotcold.params import ModelParams
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import Seed, read
from hotcold.training.loop import Examples, LoopSettings, train_epoch, validate
from hotcold.training.step import build_step

BATCH_SIZE = 128
HEADING = """\
| | epoch | training loss | published | ratio | validation loss | published | ratio | s |
|---|---|---|---|---|---|---|---|---|"""

Losses = tuple[float, float]  # of training and validation


def published_losses() -> dict[str, dict[int, Losses]]:
    """model -> epoch -> losses, as far as the numbers are known."""
    scores = yaml.safe_load((paths.PUBLISHED / "scores.yaml").read_text())["models"]
    known = {name: {1: tuple(s["first_epoch"])} for name, s in scores.items() if "first_epoch" in s}
    known["model3"] = {
        int(row["epoch"]): (float(row["train_loss"]), float(row["val_loss"]))
        for row in tables.read_csv(paths.PUBLISHED / "losses_model3.csv")
    }
    return known


def compared(loss: float, published: float | None) -> str:
    """Three cells of the table: a loss, the published one, and their ratio."""
    if published is None:
        return f"{loss:.5f} | – | –"
    return f"{loss:.5f} | {published:.5f} | {loss / published:.3f}"


def train(
    name: str, epochs: int, training: Examples, validation: Examples, settings: LoopSettings
) -> Iterator[tuple[Losses, float]]:
    """The losses of a model of params.yaml after each epoch, and the seconds of the epoch."""
    params = read(f"models.{name}", ModelParams)
    torch.manual_seed(derive(settings.seed, "weights"))
    model = DiffusionModel.build(params.block())
    network = model.module.to(training.images.device)
    optimizer = torch.optim.Adam(network.parameters(), params.training.learning_rate, fused=True)
    steps = epochs * (len(training) // settings.batch_size)
    step = build_step(model, settings.dtype, settings.batch_size, steps, name)
    for epoch in range(1, epochs + 1):
        start = time.monotonic()
        train_loss = train_epoch(step, optimizer, training, settings, epoch)
        validation_loss = validate(model, validation, settings, epoch)
        yield (train_loss, validation_loss), time.monotonic() - start


def model_and_epochs(argument: str) -> tuple[str, int]:
    """MODEL=EPOCHS of the command line."""
    name, _, epochs = argument.partition("=")
    if not epochs.isdecimal():
        raise argparse.ArgumentTypeError(f"'{argument}' must be MODEL=EPOCHS, such as model1=2")
    return name, int(epochs)


def main() -> None:
    parser = cli.parser("tools.benchmarks.published_losses", __doc__)
    parser.add_argument("runs", nargs="+", type=model_and_epochs, metavar="MODEL=EPOCHS")
    parser.add_argument("--precision", default="auto", choices=["auto", *devices.DTYPES])
    parser.add_argument("--seed", type=int, help="instead of the seed in params.yaml")
    arguments = parser.parse_args()
    seed = read("seed", Seed) if arguments.seed is None else arguments.seed
    device = devices.device()
    dtype = devices.dtype(arguments.precision, device)
    images = mnist.images("train")
    split = mnist.split(len(images), read("data", DataParams))
    training = Examples(images[split.train]).to(device)
    validation = Examples(images[split.validation]).to(device)
    settings = LoopSettings(BATCH_SIZE, seed, dtype)
    published = published_losses()

    print(f"{devices.describe(device, dtype)}, seed {seed}\n\n{HEADING}", flush=True)
    for name, epochs in arguments.runs:
        run_losses = train(name, epochs, training, validation, settings)
        for epoch, (losses, seconds) in enumerate(run_losses, start=1):
            known = published.get(name, {}).get(epoch, (None, None))
            cells = " | ".join(map(compared, losses, known))
            print(f"| {name} | {epoch} | {cells} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    run(main)

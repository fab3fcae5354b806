"""Losses at the published settings beside the published losses, epoch by epoch.

    python -m benchmarks.published_losses model1=2 model3=5 [--precision float32] [--seed 1]

Trains with 48,000 images and validates on 12,000, whatever budget params.yaml has; the data must
be there (`dvc repro download`). Nothing is kept. On two cores with bfloat16 units an epoch takes
one minute for model1 and three to four for model3.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import torch
import yaml

from diffusion import mnist as data
from diffusion.mnist_params import Data
from diffusion.models import cnn as network
from diffusion.models import degradations
from diffusion.models.params import Model
from diffusion.runtime import devices
from diffusion.runtime.params import Seed, read
from diffusion.runtime.rng import derive
from diffusion.training.loop import train_epoch, validate

PUBLISHED = Path("report/published")


def published() -> dict[str, dict[int, tuple[float, float]]]:
    """model -> epoch -> (training loss, validation loss), as far as the numbers are known."""
    scores = yaml.safe_load((PUBLISHED / "scores.yaml").read_text())["models"]
    known = {name: {1: tuple(s["first_epoch"])} for name, s in scores.items() if "first_epoch" in s}
    with (PUBLISHED / "losses_model3.csv").open(newline="") as file:
        known["model3"] = {
            int(row["epoch"]): (float(row["train_loss"]), float(row["val_loss"]))
            for row in csv.DictReader(file)
        }
    return known


def beside(ours: float, theirs: float | None) -> str:
    return f"{ours:.5f} | {theirs:.5f} | {ours / theirs:.3f}" if theirs else f"{ours:.5f} | – | –"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="model=epochs")
    parser.add_argument("--precision", default="auto", choices=["auto", *devices.PRECISIONS])
    parser.add_argument("--seed", type=int, help="in place of the seed in params.yaml")
    arguments = parser.parse_args()
    parts = read("data", Data)
    seed = read("seed", Seed) if arguments.seed is None else arguments.seed
    device = devices.device()
    dtype = devices.precision(arguments.precision, device)
    images = data.images("train")
    split = data.split(len(images), parts.train, parts.held_out, parts.split_seed)
    training, validation = images[split.train].to(device), images[split.validation].to(device)
    known = published()

    print(f"{devices.describe(device, dtype)}, seed {seed}\n")
    print(
        "| | epoch | training loss | published | ratio | validation loss | published | ratio | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for run in arguments.runs:
        name, epochs = run.split("=")
        model = read(f"models.{name}", Model)
        process = degradations.build(model.degradation.model_dump())
        torch.manual_seed(derive(seed, "weights"))
        net = network.build(model.network.model_dump()).to(device)
        optimizer = torch.optim.Adam(net.parameters(), model.learning_rate, fused=True)
        for epoch in range(1, int(epochs) + 1):
            start = time.monotonic()
            ours = (
                train_epoch(
                    net, optimizer, process, training, 128, seed, epoch, dtype, lambda: None
                ),
                validate(net, process, validation, seed, epoch, dtype),
            )
            theirs = known.get(name, {}).get(epoch, (None, None))
            columns = " | ".join(beside(*pair) for pair in zip(ours, theirs, strict=True))
            print(f"| {name} | {epoch} | {columns} | {time.monotonic() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()

"""Train one model of params.yaml: python -m stages.train model1"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import time
from pathlib import Path

import torch

from stages.diffusion import checkpoints, data, degradations, devices, network
from stages.diffusion.randomness import derive
from stages.diffusion.training import train_epoch, validate
from stages.errors import run
from stages.params.data import Data
from stages.params.models import Model
from stages.params.reader import Seed, read
from stages.params.training import Training
from stages.progress import Progress

OUTPUT = Path("results/models")
TIMES = Path("report/times")
COLUMNS = ("epoch", "images", "train_loss", "validation_loss", "learning_rate")


def write_times(name: str, history: Path, seconds: list[float]) -> None:
    """Seconds since the start at the end of each epoch, beside the history that they belong to.

    No output of the stage: a second run gives the same results, but never the same times.
    """
    TIMES.mkdir(parents=True, exist_ok=True)
    content = {
        "history_sha256": hashlib.sha256(history.read_bytes()).hexdigest(),
        "seconds": [round(s, 1) for s in seconds],
    }
    (TIMES / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a key of `models` in params.yaml")
    name = parser.parse_args().model
    model = read(f"models.{name}", Model)
    budget = read("training", Training)
    seed = read("seed", Seed)
    parts = read("data", Data)
    device = devices.device()
    dtype = devices.precision(budget.precision, device)
    print(f"train {name}: {devices.describe(device, dtype)}")

    everything = data.images("train")
    split = data.split(len(everything), parts.train, parts.held_out, parts.split_seed)
    images = everything[split.train[: budget.images]].to(device)
    validation = everything[split.validation[: budget.validation_images]].to(device)

    description = {
        "model": name,
        "network": model.network.model_dump(mode="json"),
        "degradation": model.degradation.model_dump(mode="json"),
    }
    process = degradations.build(description["degradation"])
    torch.manual_seed(derive(seed, "weights"))
    net = network.build(description["network"]).to(device)
    optimizer = torch.optim.Adam(net.parameters(), model.learning_rate, fused=True)
    plateau = (
        torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=model.plateau.factor, patience=model.plateau.patience
        )
        if model.plateau
        else None
    )

    folder = checkpoints.empty(OUTPUT / name)
    (folder / "run.json").write_text(json.dumps(devices.record(device, dtype), indent=1) + "\n")
    best = float("inf")
    start, seconds = time.monotonic(), []
    steps = len(images) // budget.batch_size
    with (
        (folder / "history.csv").open("w", newline="") as file,
        Progress(f"train {name}", budget.epochs * steps) as bar,
    ):
        history = csv.writer(file, lineterminator="\n")
        history.writerow(COLUMNS)
        for epoch in range(1, budget.epochs + 1):
            rate = optimizer.param_groups[0]["lr"]
            train_loss = train_epoch(
                net, optimizer, process, images, budget.batch_size, seed, epoch, dtype, bar.advance
            )
            validation_loss = validate(net, process, validation, seed, epoch, dtype)
            seconds.append(time.monotonic() - start)
            if plateau:
                plateau.step(validation_loss)
            seen = epoch * steps * budget.batch_size
            history.writerow((epoch, seen, f"{train_loss:.8f}", f"{validation_loss:.8f}", rate))
            file.flush()
            bar.note(
                f"train {name}: epoch {epoch} of {budget.epochs}, "
                f"loss {train_loss:.5f}, validation {validation_loss:.5f}"
            )
            metadata = description | {"epoch": epoch, "validation_loss": validation_loss}
            files = []
            if epoch in budget.checkpoints:
                files.append(f"epoch_{epoch:03d}")
            if validation_loss < best:
                best = validation_loss
                files.append("best")
            if epoch == budget.epochs:
                files.append("last")
            for stem in files:
                checkpoints.save(folder / f"{stem}.safetensors", net.state_dict(), metadata)
    write_times(name, folder / "history.csv", seconds)
    print(f"train {name}: smallest validation loss {best:.5f}, weights in {folder}")


if __name__ == "__main__":
    run(main)

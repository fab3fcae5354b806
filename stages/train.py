"""Train one model of params.yaml: python -m stages.train model1

Writes weights, the losses of every epoch and what they were computed with to
results/models/<model>. An interrupted training goes on after its last finished epoch.
TORCHRUN="--nproc-per-node=2" trains with two processes: see diffusion/runtime/launch.py.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

from diffusion.runtime.errors import UserError

# isort: split
import torch
from torch import Tensor

from diffusion import mnist as data
from diffusion.mnist_params import Data
from diffusion.models import cnn as network
from diffusion.models import degradations
from diffusion.models.params import Model
from diffusion.runtime import checkpoints, devices, resume
from diffusion.runtime import cli as arguments
from diffusion.runtime import distributed as parallel
from diffusion.runtime import launch as processes
from diffusion.runtime.files import write
from diffusion.runtime.params import Seed, read
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import derive
from diffusion.training.loop import train_epoch, validate
from diffusion.training.params import Training
from diffusion.training.state import Learner

OUTPUT = Path("results/models")
TIMES = Path("report/times")
COLUMNS = ("epoch", "images", "train_loss", "validation_loss", "learning_rate")


def write_history(path: Path, rows: list[list[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write(path, text.getvalue().encode())


def write_times(name: str, history: Path, seconds: list[float]) -> None:
    """Seconds of training at the end of each epoch, beside the history that they belong to.

    No output of the stage: a second run gives the same results, but never the same times.
    """
    content = {
        "history_sha256": hashlib.sha256(history.read_bytes()).hexdigest(),
        "seconds": [round(s, 1) for s in seconds],
    }
    write(TIMES / f"{name}.json", (json.dumps(content, indent=1) + "\n").encode())


def keep_epoch(
    work: resume.Work,
    learner: Learner,
    done: dict[str, Any],
    row: list[Any],
    budget: Training,
    description: dict[str, Any],
) -> None:
    """Put an epoch on disk: its line of the history, its checkpoints, and what the next needs.

    row: as COLUMNS names it, with numbers; done: see `fit`.
    """
    epoch, seen, train_loss, validation_loss, rate = row
    done["epoch"] = epoch
    done["rows"].append([epoch, seen, f"{train_loss:.8f}", f"{validation_loss:.8f}", rate])
    files = []
    if epoch in budget.checkpoints:
        files.append(f"epoch_{epoch:03d}")
    if validation_loss < done["best"]:
        done["best"] = validation_loss
        files.append("best")
    if epoch == budget.epochs:
        files.append("last")
    metadata = description | {"epoch": epoch, "validation_loss": validation_loss}
    dtype = getattr(torch, budget.weights)
    weights = {name: x.to(dtype) for name, x in learner.result.state_dict().items()}
    for stem in files:
        checkpoints.save(work.files / f"{stem}.safetensors", weights, metadata)
    write_history(work.files / "history.csv", done["rows"])
    # Last: until it is on disk, this epoch counts as not trained.
    tensors, groups = learner.state()
    work.save("state", tensors, done | groups)


def fit(
    work: resume.Work,
    learner: Learner,
    process: degradations.Process,
    images: Tensor,
    validation: Tensor,
    budget: Training,
    seed: int,
    dtype: torch.dtype,
    description: dict[str, Any],
    stratified: bool = False,
) -> dict[str, Any]:
    """Train, from the last epoch that `work` keeps, and leave checkpoints and history in its files.

    images, validation: (N, 1, 28, 28) uint8; description: what the files of weights will say of
    themselves. Returns `best` (the smallest validation loss), `rows` (of the history) and
    `seconds`. Of several processes, the first one writes.
    """
    done: dict[str, Any] = {"epoch": 0, "best": float("inf"), "rows": [], "seconds": []}
    writes = parallel.rank() == 0
    state = parallel.from_first(work.load("state") if writes else None)
    if state:
        tensors, done = state
        learner.restore(tensors, done)
        print(f"{work.label}: goes on after epoch {done['epoch']} of {budget.epochs}", flush=True)
    start = time.monotonic() - (done["seconds"] or [0])[-1]
    steps = len(images) // budget.batch_size
    prediction = description.get("prediction")
    net = parallel.averaging(learner.network, images.device)
    with Progress(work.label, budget.epochs * steps, done=done["epoch"] * steps) as bar:
        for epoch in range(done["epoch"] + 1, budget.epochs + 1):
            rate = learner.rate
            train_loss = train_epoch(
                net,
                learner.optimizer,
                process,
                images,
                budget.batch_size,
                seed,
                epoch,
                dtype,
                bar.advance,
                prediction,
                stratified,
            )
            validation_loss = validate(
                learner.result, process, validation, seed, epoch, dtype, prediction
            )
            learner.epoch_ended(validation_loss)
            done["seconds"].append(time.monotonic() - start)
            if writes:
                seen = epoch * steps * budget.batch_size
                row = [epoch, seen, train_loss, validation_loss, rate]
                keep_epoch(work, learner, done, row, budget, description)
            bar.note(
                f"{work.label}: epoch {epoch} of {budget.epochs}, "
                f"loss {train_loss:.5f}, validation {validation_loss:.5f}"
            )
    return done


def describe(name: str, model: Model) -> dict[str, Any]:
    """What a file of weights says of itself: all that rebuilds network and process.

    Only what the block of the model names is there, so that a further part of the recipe, which a
    model does not use, leaves the bytes of its files as they were.
    """
    said = model.model_dump(mode="json", exclude_none=True)
    keys = ("network", "degradation", "prediction")
    description = {"model": name} | {key: said[key] for key in keys if key in said}
    if model.prediction == "categorical":
        description["network"]["outputs"] = description["degradation"]["levels"]
    return description


def main() -> None:
    name = arguments.model(__doc__, "train")
    model = read(f"models.{name}", Model)
    budget = read("training", Training)
    seed = read("seed", Seed)
    parts = read("data", Data)
    device = devices.device()
    dtype = devices.precision(budget.precision, device)
    print(f"train {name}: {devices.describe(device, dtype)}")
    if budget.batch_size % parallel.size():
        raise UserError(
            f"training.batch_size is {budget.batch_size}, must be a multiple of the "
            f"{parallel.size()} processes that {processes.OPTIONS} asks for"
        )

    everything = data.images("train")
    split = data.split(len(everything), parts.train, parts.held_out, parts.split_seed)
    images = everything[split.train[: budget.images]]
    validation = everything[split.validation[: budget.validation_images]]
    description = describe(name, model)
    process = degradations.build(description["degradation"])
    torch.manual_seed(derive(seed, "weights"))
    net = network.build(description["network"]).to(device)
    recipe = model.model_dump(include={"plateau", "ema", "annealing"})
    steps = budget.epochs * (len(images) // budget.batch_size)
    learner = Learner(net, model.learning_rate, **recipe, steps=steps)

    record = devices.record(device, dtype)
    settings = {
        "seed": seed,
        "model": model.model_dump(mode="json"),
        "training": budget.model_dump(mode="json"),
        "device": record,
    }
    with resume.Work("train", name, resume.key(settings, images, validation)) as work:
        if parallel.rank() == 0:
            write(work.files / "run.json", (json.dumps(record, indent=1) + "\n").encode())
        done = fit(
            work,
            learner,
            process,
            images.to(device),
            validation.to(device),
            budget,
            seed,
            dtype,
            description,
            model.stratified_t,
        )
        work.publish(OUTPUT / name)
    if parallel.rank() == 0:
        write_times(name, OUTPUT / name / "history.csv", done["seconds"])
    print(f"train {name}: smallest validation loss {done['best']:.5f}, weights in {OUTPUT / name}")


if __name__ == "__main__":
    processes.run(main)

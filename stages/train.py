"""Train one model of params.yaml: python -m stages.train model1

An interrupted training continues after its last finished epoch. Under DVC the losses are in
results/history after every epoch. TORCHRUN="--nproc-per-node=2" trains on two ranks.
"""

from __future__ import annotations

import torch

from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models import process
from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_design
from hotcold.numerics import devices, distributed
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.rng import derive
from hotcold.runs import launch, resume
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Precision, Seed, read
from hotcold.training import fit
from hotcold.training.loop import Examples, LoopSettings
from hotcold.training.params import RecipeParams, TrainingParams
from hotcold.training.state import TrainState


@stage("train", __doc__)
def main(name: str) -> None:
    design = read_design(name)
    recipe = read(f"models.{name}.training", RecipeParams)
    params = read("training", TrainingParams)
    data = read("data", DataParams)
    seed = read("seed", Seed)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    print(f"train {name}: {devices.describe(device, dtype)}")
    if params.batch_size % distributed.size():
        raise UserError(
            f"training.batch_size is {params.batch_size}, must be a multiple of the "
            f"{distributed.size()} ranks that {launch.OPTIONS} requests"
        )

    images = mnist.images("train")
    split = mnist.split(len(images), data)
    labels = mnist.labels("train") if design.classes else None
    training, validation = (
        Examples(images[part], None if labels is None else labels[part])
        for part in (split.train[: params.images], split.validation[: params.validation_images])
    )
    epochs = recipe.epochs or params.epochs
    torch.manual_seed(derive(seed, "weights"))
    block = design.block()
    degradation = block["degradation"]
    degradation = process.build(degradation).fitted(degradation, to_pixels(training.images))
    model = DiffusionModel.build({"model": name, **block, "degradation": degradation})
    state = TrainState(
        model.module.to(device), recipe, steps=epochs * (len(training) // params.batch_size)
    )

    record = devices.record(device, dtype)
    settings = {
        "seed": seed,
        "model": design.block() | {"training": recipe.model_dump(mode="json")},
        "training": params.model_dump(mode="json"),
        "device": record,
    }
    seen = [x for part in (training, validation) for x in (part.images, part.labels)]
    key = resume.key(settings, *(x for x in seen if x is not None))
    with resume.ResumableRun("train", name, key) as run:
        dropout = recipe.label_dropout or 0.0
        loop = LoopSettings(params.batch_size, seed, dtype, recipe.stratified_t, dropout)
        train = fit.Fit(run, model, state, params, epochs, loop, paths.history(name))
        train(training.to(device), validation.to(device))
        run.commit(
            {
                run.outputs / fit.WEIGHTS: paths.MODELS / name,
                run.outputs / fit.HISTORY: paths.history(name),
                run.outputs / fit.SECONDS: paths.TIMES / f"{name}.json",
                run.outputs / fit.METRICS: paths.metrics("train", name),
            }
        )
    print(f"train {name}: weights in {paths.MODELS / name}")


if __name__ == "__main__":
    launch.run(main)

"""Describe a model of params.yaml, trained or not, or one from its weights:

hotcold describe model1
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hotcold.commands import Name, command, pictures, samplers
from hotcold.models.bases import ProcessParams
from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_design
from hotcold.models.process import Process
from hotcold.numerics import checkpoints
from hotcold.reporting.figures.flops import multiply_adds
from hotcold.runtime import paths


def schedule(process: Process) -> list[str]:
    """One line for each of some steps t: how much of the image is left."""
    steps = sorted({1, *(max(1, round(process.T * k / 4)) for k in range(1, 5))})
    return [f"t = {t:>4}  {process.remainder(t)}" for t in steps]


def title(name: str, degradation: ProcessParams) -> str:
    """A title with the task of the model."""
    verb = "generates" if degradation.from_noise_alone else "restores"
    return f"{name} {verb} images: {degradation.label} degradation in {degradation.T} steps"


def training(name: str, record: Mapping[str, Any] | None) -> str:
    """The epoch of the weights, or the command that trains the model; record: of the weights."""
    if record is None:
        return f"not yet: dvc repro train@{name}"
    loss = record.get("validation_loss", math.nan)
    return f"after epoch {record.get('epoch', 'unknown')}, validation loss {loss:.5f}"


@command(__doc__)
@click.argument("model", type=Name())
@pictures.weights_option
def main(model: str, weights: Path | None) -> None:
    record: Mapping[str, Any] | None
    if weights:
        loaded = pictures.load(model, weights)
        design, record = samplers.design(loaded), loaded.description
    else:
        design, path = read_design(model), paths.weights(model)
        loaded = DiffusionModel.build(design.block())
        record = checkpoints.load(path)[1] if path.exists() else None
    parameters = sum(p.numel() for p in loaded.module.parameters())
    operations = multiply_adds(design.block())
    print(title(model, design.degradation))
    print(f"  parameters       {parameters:,}")
    print(f"  multiply-adds    {operations / 1e6:,.1f} million for an image and step")
    for number, line in enumerate(schedule(loaded.process)):
        print(f"  {'' if number else 'schedule':<16} {line}")
    print(f"  trained          {training(model, record)}")

"""Describe a model of params.yaml, trained or not, or one from its weights:

hotcold describe model1
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from hotcold.commands import Name, command, pictures, samplers
from hotcold.models.bases import ProcessParams
from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_design
from hotcold.models.process import Process
from hotcold.numerics import checkpoints
from hotcold.numerics.pixels import SIDE
from hotcold.reporting.figures.flops import multiply_adds
from hotcold.runtime import paths


def receptive_field(model: DiffusionModel) -> tuple[int, int]:
    """Height and width, in pixels, of the part of the input that a central output depends on.

    The network is changed in place: normalisation layers are left out, because over complete images
    they let every output depend on every input; and convolutions are computed pixel by pixel,
    because the rounding of those in the frequency domain reaches the complete image.
    """
    network = model.module
    for module in network.modules():
        if isinstance(module, nn.LayerNorm | nn.GroupNorm):
            module.forward = lambda x: x  # type: ignore[method-assign, assignment]
        elif isinstance(module, nn.Conv2d):
            module.forward = partial(nn.Conv2d.forward, module)  # type: ignore[method-assign]
    x = torch.zeros(1, model.process.channels, SIDE, SIDE, requires_grad=True)
    centre = network.eval()(x, torch.zeros(1))[0, 0, SIDE // 2, SIDE // 2]
    (gradient,) = torch.autograd.grad(centre, x)
    rows, columns = gradient[0, 0].nonzero(as_tuple=True)
    return int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)


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
    height, width = receptive_field(loaded)
    complete = ", the complete image" if (height, width) == (SIDE, SIDE) else ""
    print(title(model, design.degradation))
    print(f"  parameters       {parameters:,}")
    print(f"  multiply-adds    {operations / 1e6:,.1f} million for an image and step")
    print(f"  receptive field  {height} x {width} pixels{complete}")
    for number, line in enumerate(schedule(loaded.process)):
        print(f"  {'' if number else 'schedule':<16} {line}")
    print(f"  trained          {training(model, record)}")

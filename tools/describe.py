"""Describe a model of params.yaml, trained or not: python -m tools.describe model1"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from hotcold.models.bases import ProcessParams
from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_design
from hotcold.models.process import Process
from hotcold.numerics import checkpoints
from hotcold.numerics.pixels import SIDE
from hotcold.reporting.figures.flops import multiply_adds
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import run


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


def training(name: str) -> str:
    """The best checkpoint, or the command that trains the model."""
    path = paths.weights(name)
    if not path.exists():
        return f"not yet: dvc repro train@{name}"
    saved = checkpoints.load(path)[1]
    return f"best after epoch {saved['epoch']}, validation loss {saved['validation_loss']:.5f}"


def main() -> None:
    parser = cli.parser("tools.describe", __doc__)
    cli.add_model(parser)
    name = parser.parse_args().model
    design = read_design(name)
    model = DiffusionModel.build(design.block())
    parameters = sum(p.numel() for p in model.module.parameters())
    operations = multiply_adds(design.block())
    height, width = receptive_field(model)
    complete = ", the complete image" if (height, width) == (SIDE, SIDE) else ""
    print(title(name, design.degradation))
    print(f"  parameters       {parameters:,}")
    print(f"  multiply-adds    {operations / 1e6:,.1f} million for an image and step")
    print(f"  receptive field  {height} x {width} pixels{complete}")
    for number, line in enumerate(schedule(model.process)):
        print(f"  {'' if number else 'schedule':<16} {line}")
    print(f"  trained          {training(name)}")


if __name__ == "__main__":
    run(main)

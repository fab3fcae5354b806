"""Describe a model of params.yaml, trained or not: python -m tools.describe model1"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from hotcold.models import degradations
from hotcold.models.model import DiffusionModel
from hotcold.models.params import DesignParams, read_design
from hotcold.numerics import checkpoints
from hotcold.numerics.pixels import SIDE
from hotcold.reporting.figures.flops import input_channels, multiply_adds
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import run


def receptive_field(network: nn.Module) -> tuple[int, int]:
    """Height and width, in pixels, of the part of the input that a central output depends on.

    The network is changed in place: normalisation layers are left out, because over complete images
    they let every output depend on every input; and convolutions are computed pixel by pixel,
    because the rounding of those in the frequency domain reaches the complete image.
    """
    for module in network.modules():
        if isinstance(module, nn.LayerNorm | nn.GroupNorm):
            module.forward = lambda x: x  # type: ignore[method-assign, assignment]
        elif isinstance(module, nn.Conv2d):
            module.forward = partial(nn.Conv2d.forward, module)  # type: ignore[method-assign]
    x = torch.zeros(1, input_channels(network), SIDE, SIDE, requires_grad=True)
    centre = network.eval()(x, torch.zeros(1))[0, 0, SIDE // 2, SIDE // 2]
    (gradient,) = torch.autograd.grad(centre, x)
    rows, columns = gradient[0, 0].nonzero(as_tuple=True)
    return int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)


def schedule(process: degradations.Process) -> list[str]:
    """One line for each of some steps t: how much of the image is left."""
    steps = sorted({1, *(max(1, round(process.T * k / 4)) for k in range(1, 5))})
    return [f"t = {t:>4}  {remainder(process, t)}" for t in steps]


def remainder(process: degradations.Process, t: int) -> str:
    """How much of an image is left at step t, in words."""
    match process:
        case degradations.Gaussian():
            alpha_bar = process.alpha_bar[t]
            ratio = 10 * torch.log10(alpha_bar / (1 - alpha_bar))
            return f"alpha_bar {alpha_bar:.3g}, signal-to-noise ratio {ratio:.1f} dB"
        case degradations.Impulse():
            density = process.density[t]
            return f"density {density:.4f}: {1 - 2 * density:.1%} of the pixels are untouched"
        case degradations.Blur():
            return f"blurred with a standard deviation of {process.std[t]:.2f} pixels"
        case degradations.Dissipation():
            return f"{remainder(process.blur, t)}, noise of {process.noise:g}"
        case degradations.Pixelation():
            return f"squares of {process.sides[t - 1]} pixels"
        case degradations.Fading():
            return f"spot {process.widths[t]:.2f} pixels wide, after those of all earlier steps"


def title(name: str, design: DesignParams, model: DiffusionModel) -> str:
    """A title with the task of the model."""
    verb = "generates" if design.from_noise_alone else "restores"
    kind = design.degradation.kind
    source = {"gaussian": "Gaussian noise", "impulse": "impulse noise"}.get(kind, kind)
    return f"{name}, {verb} from {source} in {model.process.T} steps"


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
    operations = multiply_adds(model.module)
    height, width = receptive_field(model.module)
    complete = ", the complete image" if (height, width) == (SIDE, SIDE) else ""
    print(title(name, design, model))
    print(f"  parameters       {parameters:,}")
    print(f"  multiply-adds    {operations / 1e6:,.1f} million for an image and step")
    print(f"  receptive field  {height} x {width} pixels{complete}")
    for number, line in enumerate(schedule(model.process)):
        print(f"  {'' if number else 'schedule':<16} {line}")
    print(f"  trained          {training(name)}")


if __name__ == "__main__":
    run(main)

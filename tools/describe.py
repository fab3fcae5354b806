"""Say what a model of params.yaml is, trained or not: python -m tools.describe model1"""

from __future__ import annotations

import argparse
from pathlib import Path

from diffusion.runtime.errors import run

# isort: split
import torch
from torch import nn

from diffusion.models import cnn as network
from diffusion.models import degradations
from diffusion.models.cnn import SIDE
from diffusion.models.params import Model
from diffusion.reporting.flops import multiply_adds
from diffusion.runtime import checkpoints
from diffusion.runtime.params import read
from stages.train import describe


def receptive_field(net: nn.Module) -> tuple[int, int]:
    """Height and width of the inputs that one output in the middle depends on, in pixels.

    Normalisation over whole images, which lets everything depend on everything a little, is left
    out.
    """
    for module in net.modules():
        if isinstance(module, nn.LayerNorm | nn.GroupNorm):
            module.forward = lambda x: x  # type: ignore[method-assign, assignment]
    x = torch.zeros(1, 1, SIDE, SIDE, requires_grad=True)
    middle = net.eval()(x, torch.zeros(1))[0, 0, SIDE // 2, SIDE // 2]
    (gradient,) = torch.autograd.grad(middle, x)
    rows, columns = gradient[0, 0].nonzero(as_tuple=True)
    return int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)


def schedule(process: degradations.Process) -> list[str]:
    """A line for each of some steps t: what is left of the image."""
    steps = sorted({1, *(max(1, round(process.T * k / 4)) for k in range(1, 5))})
    return [f"t = {t:>4}  {left(process, t)}" for t in steps]


def left(process: degradations.Process, t: int) -> str:
    """What is left of an image at step t, in words."""
    match process:
        case degradations.Gaussian():
            kept = process.alpha_bar[t]
            ratio = 10 * torch.log10(kept / (1 - kept))
            return f"alpha_bar {kept:.3g}, signal-to-noise ratio {ratio:.1f} dB"
        case degradations.Impulse():
            density = process.density[t]
            return f"density {density:.4f}: {1 - 2 * density:.1%} of the pixels are untouched"
        case degradations.Blur():
            return f"blurred by {process.std[t]:.2f} pixels"
        case degradations.Pixelation():
            return f"squares of {process.sides[t - 1]} pixels"
        case degradations.Fading():
            return f"faded over {process.widths[t]:.2f} pixels, and by all steps before"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.describe", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="a key of `models` in params.yaml: model1")
    name = parser.parse_args().model
    model = read(f"models.{name}", Model)
    block = describe(name, model)
    net, process = network.build(block["network"]), degradations.build(block["degradation"])
    height, width = receptive_field(network.build(block["network"]))
    whole = ", the whole image" if (height, width) == (SIDE, SIDE) else ""
    weights = Path("results/models") / name / "best.safetensors"
    if weights.exists():
        saved = checkpoints.load(weights)[1]
        state = f"best after epoch {saved['epoch']}, validation loss {saved['validation_loss']:.5f}"
    else:
        state = f"not yet: dvc repro train@{name}"
    kind = "restores from" if degradations.restores(process) else "generates from"
    noise = " noise" if model.degradation.kind in ("gaussian", "impulse") else ""
    print(f"{name}, {kind} {model.degradation.kind}{noise} in {process.T} steps")
    print(f"  parameters       {sum(p.numel() for p in net.parameters()):,}")
    print(f"  multiply-adds    {multiply_adds(net) / 1e6:,.1f} million an image and step")
    print(f"  receptive field  {height} x {width} pixels{whole}")
    for number, line in enumerate(schedule(process)):
        print(f"  {'' if number else 'schedule':<16} {line}")
    print(f"  trained          {state}")


if __name__ == "__main__":
    run(main)

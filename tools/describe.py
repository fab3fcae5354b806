"""Say what a model of params.yaml is, trained or not: python -m tools.describe model1"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages.errors import run

# isort: split
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from stages.diffusion import checkpoints, degradations, network
from stages.diffusion.network import SIDE
from stages.params.models import Model
from stages.params.reader import read


def multiply_adds(net: nn.Module) -> int:
    """Multiply-adds of convolutions and matrix products for one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 1, SIDE, SIDE), torch.zeros(1))
    return counter.get_total_flops() // 2


def receptive_field(net: nn.Module) -> tuple[int, int]:
    """Height and width of the inputs that one output in the middle depends on, in pixels.

    LayerNorm over (C, H, W), which lets everything depend on everything a little, is left out.
    """
    for module in net.modules():
        if isinstance(module, nn.LayerNorm):
            module.forward = lambda x: x  # type: ignore[method-assign, assignment]
    x = torch.zeros(1, 1, SIDE, SIDE, requires_grad=True)
    middle = net.eval()(x, torch.zeros(1))[0, 0, SIDE // 2, SIDE // 2]
    (gradient,) = torch.autograd.grad(middle, x)
    rows, columns = gradient[0, 0].nonzero(as_tuple=True)
    return int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)


def schedule(process: degradations.Gaussian | degradations.Impulse) -> list[str]:
    """A line for each of some steps t: what is left of the image."""
    steps = sorted({1, *(max(1, round(process.T * k / 4)) for k in range(1, 5))})
    if isinstance(process, degradations.Gaussian):
        kept = process.alpha_bar
        return [
            f"t = {t:>4}  alpha_bar {kept[t]:.3g}, signal-to-noise ratio "
            f"{10 * torch.log10(kept[t] / (1 - kept[t])):.1f} dB"
            for t in steps
        ]
    return [
        f"t = {t:>4}  density {process.density[t]:.4f}: {1 - 2 * process.density[t]:.1%} of the "
        "pixels are untouched"
        for t in steps
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.describe", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="a key of `models` in params.yaml: model1")
    name = parser.parse_args().model
    model = read(f"models.{name}", Model)
    net = network.build(model.network.model_dump())
    process = degradations.build(model.degradation.model_dump())
    height, width = receptive_field(network.build(model.network.model_dump()))
    whole = ", the whole image" if (height, width) == (SIDE, SIDE) else ""
    weights = Path("results/models") / name / "best.safetensors"
    if weights.exists():
        saved = checkpoints.load(weights)[1]
        state = f"best after epoch {saved['epoch']}, validation loss {saved['validation_loss']:.5f}"
    else:
        state = f"not yet: dvc repro train@{name}"
    kind = "generates from" if isinstance(process, degradations.Gaussian) else "restores from"
    print(f"{name}, {kind} {model.degradation.kind} noise in {process.T} steps")
    print(f"  parameters       {sum(p.numel() for p in net.parameters()):,}")
    print(f"  multiply-adds    {multiply_adds(net) / 1e6:,.1f} million an image and step")
    print(f"  receptive field  {height} x {width} pixels by convolutions{whole}")
    for number, line in enumerate(schedule(process)):
        print(f"  {'' if number else 'schedule':<16} {line}")
    print(f"  trained          {state}")


if __name__ == "__main__":
    run(main)

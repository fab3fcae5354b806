"""What a network costs, whatever algorithm computes it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from diffusion.models.cnn import SIDE
from diffusion.models.unet import Attention

TRAINING = 3  # times the forward pass: backward, a layer has two products of the same size


@torch.no_grad()
def multiply_adds(net: nn.Module) -> int:
    """Multiply-adds of one image's forward pass, by the definition of a convolution, a matrix
    product and attention; what is done once a pixel, like normalisation, is not counted."""
    counts = []

    def count(module: nn.Module, given: Any, output: torch.Tensor) -> None:
        if isinstance(module, Attention):
            places = output.shape[2] * output.shape[3]
            counts.append(2 * output.shape[1] * places**2)  # what to look at, and looking
        elif isinstance(module, nn.Conv2d | nn.Linear):
            counts.append(output[0].numel() * module.weight[0].numel())

    hooks = [module.register_forward_hook(count) for module in net.modules()]
    net(torch.zeros(1, 1, SIDE, SIDE), torch.zeros(1))
    for hook in hooks:
        hook.remove()
    return sum(counts)

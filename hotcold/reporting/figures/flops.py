"""The cost of a network in multiply-adds, independent of the algorithms that compute it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hotcold.models.unet import Attention
from hotcold.numerics.pixels import SIDE

TRAINING = 3  # forward passes: the backward pass has two products for each one of the forward pass


def input_channels(network: nn.Module) -> int:
    """The channels of the input of a network: those of its first convolution."""
    return next(m for m in network.modules() if isinstance(m, nn.Conv2d)).in_channels


@torch.no_grad()
def multiply_adds(network: nn.Module) -> int:
    """Multiply-adds of the forward pass of one image.

    Counted are convolutions, by their definition, linear layers and attention; operations on
    single elements, such as normalisation, are not.
    """
    counts = []

    def count(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        if isinstance(module, Attention):
            _, channels, height, width = output.shape
            # Two products: query with key, and weights with value.
            counts.append(2 * channels * (height * width) ** 2)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            counts.append(output[0].numel() * module.weight[0].numel())

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    network(torch.zeros(1, input_channels(network), SIDE, SIDE), torch.zeros(1))
    for hook in hooks:
        hook.remove()
    return sum(counts)

"""The cost of a network in multiply-adds, independent of the algorithms that compute it."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from hotcold.models.model import DiffusionModel
from hotcold.numerics.pixels import SIDE

TRAINING = 3  # forward passes: the backward pass has two products for each one of the forward pass


@torch.no_grad()
def multiply_adds(block: dict[str, Any]) -> int:
    """Multiply-adds of the forward pass of one image; block: see `DiffusionModel.build`.

    Counted are convolutions, by their definition, and matrix products, as of linear layers and
    attention; operations on single elements, such as normalisation, are not. Nothing is computed.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = DiffusionModel.build(block)
        model.network(torch.empty(1, model.process.channels, SIDE, SIDE), torch.empty(1))
    return counter.get_total_flops() // 2

"""Multiply-adds of the networks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hotcold.models.model import build_network
from hotcold.reporting.figures.flops import multiply_adds


@pytest.mark.parametrize(
    ("block", "out_channels"),
    [
        ({"kind": "cnn", "hidden": (2, 3)}, 1),
        ({"kind": "unet", "channels": (8, 16, 24)}, 1),
        ({"kind": "unet", "channels": (8, 8, 8)}, 4),
    ],
)
def test_multiply_adds_agree_with_the_counter_of_pytorch(
    block: dict[str, Any], out_channels: int
) -> None:
    network = build_network(block, out_channels)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, 28, 28), torch.zeros(1))
    assert multiply_adds(network) == counter.get_total_flops() // 2

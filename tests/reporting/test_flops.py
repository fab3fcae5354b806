"""Multiply-adds of the networks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from examples import NETWORKS, PROCESSES
from torch.utils.flop_counter import FlopCounterMode

from hotcold.models.model import DiffusionModel
from hotcold.reporting.figures.flops import multiply_adds


@pytest.mark.parametrize(
    ("process", "network"),
    [
        ("linear", {"kind": "cnn", "hidden": (2, 3), "predicts": "eps"}),
        ("linear", {"kind": "unet", "channels": (8, 16, 24), "predicts": "v"}),
        ("masked", NETWORKS["unet"] | {"predicts": "categorical"}),
    ],
)
def test_multiply_adds_are_those_that_pytorch_counts(process: str, network: dict[str, Any]) -> None:
    block = {"degradation": PROCESSES[process], "network": network}
    model = DiffusionModel.build(block)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.predict(torch.zeros(1, 1, 28, 28), 1)
    assert multiply_adds(block) == counter.get_total_flops() // 2

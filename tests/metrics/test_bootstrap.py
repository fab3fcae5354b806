"""Bootstrap intervals."""

from __future__ import annotations

import math

import pytest
import torch

from diffusion.metrics.bootstrap import bootstrap
from diffusion.runtime.rng import generator


def test_bootstrap_interval_of_a_mean(rng: torch.Generator) -> None:
    values = torch.randn(400, generator=rng, dtype=torch.float64)
    g = generator("cpu", 0, "test")
    below, above = bootstrap(lambda i: values[i].mean().item(), 400, 2000, g)
    expected = 1.96 * values.std().item() / math.sqrt(400)
    assert below == pytest.approx(expected, rel=0.1)
    assert above == pytest.approx(expected, rel=0.1)

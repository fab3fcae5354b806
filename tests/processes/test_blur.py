"""Gaussian blur."""

import math

import pytest
import torch

from hotcold.processes.blur.process import Blur


def test_blur_is_a_gaussian_and_keeps_the_mean() -> None:
    process = Blur(torch.tensor([0.0, 1.5], dtype=torch.float64))
    x_0 = torch.zeros(1, 1, 28, 28)
    x_0[0, 0, 14, 14] = 1
    x = process.degrade(x_0, x_0, 1)[0, 0]
    offset = torch.arange(28) - 14
    assert x.sum().item() == pytest.approx(1, abs=1e-5)
    assert (x.sum(0) * offset**2).sum().item() == pytest.approx(1.5**2, rel=0.03)
    assert x[14, 17].item() / x[14, 14].item() == pytest.approx(math.exp(-2), rel=1e-4)


def test_blur_is_not_rounded_by_autocast(rng: torch.Generator) -> None:
    process = Blur(torch.linspace(0, 3, 4, dtype=torch.float64))
    x_0 = torch.rand(2, 1, 28, 28, generator=rng)
    expected = process.degrade(x_0, x_0, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(process.degrade(x_0, x_0, 2), expected)

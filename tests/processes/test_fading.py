"""A dark spot that spreads."""

import math

import pytest
import torch

from hotcold.processes.fading.process import Fading


def test_dark_spot_is_black_at_the_centre_that_its_noise_determines() -> None:
    process = Fading(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    x_0, u = torch.full((1, 1, 28, 28), 0.5), torch.zeros(1, 1, 28, 28)
    u.flatten()[:2] = torch.tensor([9 / 27, 18 / 27])
    x = process.degrade(x_0, u, 2)[0, 0]
    assert x[9, 18] == pytest.approx(-0.5, abs=1e-5)
    kept = (1 - math.exp(-9 / 2)) * (1 - math.exp(-9 / 8))  # at a distance of three pixels
    assert x[9, 21].item() == pytest.approx(kept - 0.5, abs=1e-4)

"""Pixelation."""

import torch

from hotcold.processes.pixelation.process import Pixelation


def test_square_has_the_mean_of_its_pixels(rng: torch.Generator) -> None:
    x_0 = torch.rand(1, 1, 28, 28, generator=rng)
    x = Pixelation((2, 7)).degrade(x_0, x_0, 2)
    torch.testing.assert_close(x[0, 0, 7:14, 14:21], x_0[0, 0, 7:14, 14:21].mean().expand(7, 7))

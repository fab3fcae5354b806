"""The scale of pixels."""

from __future__ import annotations

import pytest
import torch

from hotcold.numerics.pixels import to_levels, to_pixels
from hotcold.runtime.errors import UserError


def test_levels_are_scaled_to_pixels_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    pixels = to_pixels(levels)
    assert (pixels.min().item(), pixels.max().item()) == (-0.5, 0.5)
    assert torch.equal(to_levels(pixels), levels)
    assert to_levels(torch.tensor([-3.0, 7.0])).tolist() == [0, 255]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_pixel_that_is_not_finite_is_no_level(value: float) -> None:
    with pytest.raises(UserError, match="not a finite number"):
        to_levels(torch.tensor([0.0, value]))

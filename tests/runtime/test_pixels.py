"""The scale of pixels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hotcold.numerics.pixels import HIGH, LOW, to_levels, to_pixels
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


@given(st.lists(st.integers(0, 255), min_size=16, max_size=16))
def test_any_levels_are_recovered_from_pixels(levels: list[int]) -> None:
    pixels = to_pixels(torch.tensor(levels, dtype=torch.uint8).view(1, 1, 4, 4))
    assert pixels.min() >= LOW
    assert pixels.max() <= HIGH
    assert to_levels(pixels).flatten().tolist() == levels


@given(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32))
def test_scaling_keeps_the_order_of_pixels(a: float, b: float) -> None:
    low, high = to_levels(torch.tensor(sorted((a, b)))).tolist()
    assert low <= high

"""How samplers see a model, and the steps that they take."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hotcold.sampling.predictors import guided, subset_of_steps


@pytest.mark.parametrize("steps", [0, 1001])
def test_number_of_steps_outside_1_to_T_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=rf"steps is {steps}, must be in 1\.\.1000"):
        subset_of_steps(1000, steps)


@pytest.mark.parametrize(
    ("T", "steps", "expected"),
    [
        (1200, 1200, [*range(1200, -1, -1)]),
        (7, 1, [7, 0]),
        (1000, 3, [1000, 667, 333, 0]),  # rounded to the nearest
        (10, 4, [10, 8, 5, 2, 0]),
    ],
)
def test_steps_are_evenly_spaced_from_T_to_0(T: int, steps: int, expected: list[int]) -> None:
    assert subset_of_steps(T, steps) == expected


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_extrapolates_from_the_prediction_without_a_label(guidance: float) -> None:
    calls = []

    def predict(x_t: Tensor, t: int, label: Tensor | None = None) -> Tensor:
        calls.append(label)
        return x_t + t + (0 if label is None else label.view(-1, 1, 1, 1).float())

    x_t, label = torch.zeros(3, 1, 2, 2), torch.tensor([0, 1, 7])
    found = guided(predict, label, guidance)(x_t, 5)
    torch.testing.assert_close(found, x_t + 5 + guidance * label.view(-1, 1, 1, 1))
    # The network runs once if that is enough.
    assert len(calls) == (1 if guidance in (0, 1) else 2)

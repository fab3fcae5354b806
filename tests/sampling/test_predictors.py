"""How samplers see a model, and the steps that they take."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from hotcold import DDIM, ODE
from hotcold.sampling.bases import Autoguidance, subset_of_steps
from hotcold.sampling.params import recorded
from hotcold.sampling.predictors import guided, weaker


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


class Model:
    """Predicts x_t + t plus `gain` times the label; counts what it is asked for."""

    process, description = SimpleNamespace(T=10), {"epoch": 10}

    def __init__(self, gain: float = 1.0) -> None:
        self.gain, self.calls = gain, 0

    def predict(self, x_t: Tensor, t: int, label: Tensor | None = None) -> Tensor:
        self.calls += 1
        return x_t + t + (0.5 if label is None else self.gain * label.view(-1, 1, 1, 1))

    def checkpoint(self, epoch: int) -> Model:
        return Model(1 - epoch / 10)


AUTO = Autoguidance(checkpoint=5, weight=2.0)
LABEL = torch.tensor([0.0, 1.0, 7.0])
X_T = torch.zeros(3, 1, 2, 2)


def estimate(t: int, labels: Tensor | None = LABEL, **settings: Any) -> tuple[Tensor, int]:
    """What the guided prediction at t adds to x_t + t for each image, and how often the network is
    evaluated."""
    model: Any = Model()
    sampler = DDIM(steps=10, **settings)
    predict = guided(model, sampler, labels, weaker(model, sampler))
    found = predict(X_T, t) - X_T - t
    return found[:, 0, 0, 0], model.calls


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_extrapolates_from_the_prediction_without_a_label(guidance: float) -> None:
    found, calls = estimate(5, guidance=guidance)
    torch.testing.assert_close(found, 0.5 + guidance * (LABEL - 0.5))
    assert calls == (1 if guidance in (0, 1) else 2)  # the network runs once if that is enough


def test_autoguidance_moves_away_from_the_earlier_checkpoint() -> None:
    auto = {"checkpoint": 4, "weight": 3.0}  # which predicts 0.6 of the label
    found, calls = estimate(5, autoguidance=auto)
    torch.testing.assert_close(found, 0.6 * LABEL + 3 * (LABEL - 0.6 * LABEL))
    assert calls == 1
    found, _ = estimate(5, autoguidance=auto, guidance=2.0)
    torch.testing.assert_close(found, 0.5 + 2 * (LABEL - 0.5) + 2 * 0.4 * LABEL)
    for guidance in (1.0, 0.0):  # both checkpoints are alike where no label is known
        found, _ = estimate(5, None, autoguidance=auto, guidance=guidance)
        torch.testing.assert_close(found, torch.full((3,), 0.5))


def test_guidance_acts_inside_its_interval_alone() -> None:
    ends = {"guidance_interval": (0.2, 0.6), "guidance": 3.0}
    for t in (2, 7, 10):
        torch.testing.assert_close(estimate(t, **ends), (LABEL, 1))
    for t in (3, 6):
        torch.testing.assert_close(estimate(t, **ends), (0.5 + 3 * (LABEL - 0.5), 2))


@pytest.mark.parametrize(
    ("sampler", "evaluations"),
    [
        (DDIM(steps=5), 5),
        (DDIM(steps=5, guidance=2.0), 10),
        (DDIM(steps=5, guidance=0.0), 5),
        (DDIM(steps=5, guidance=2.0, guidance_interval=(0.2, 0.6)), 7),  # at 6 and 4 of 10
        (DDIM(steps=5, autoguidance=AUTO), 10),
        (DDIM(steps=5, guidance=2.0, autoguidance=AUTO, guidance_interval=(0.0, 0.2)), 7),
        (ODE(steps=5, method="heun"), 9),
        (ODE(steps=5, method="heun", guidance=2.0, guidance_interval=(0.0, 0.2)), 11),
    ],
)
def test_evaluations_are_those_of_the_network(sampler: Any, evaluations: int) -> None:
    assert sampler.evaluations(10) == evaluations


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_interval_of_no_guidance_is_refused(guidance: float) -> None:
    with pytest.raises(ValueError, match="must be absent without guidance or autoguidance"):
        DDIM(steps=5, guidance=guidance, guidance_interval=(0.2, 0.6))


def test_sampler_is_read_from_an_entry_of_results() -> None:
    ends = (0.2, 0.6)
    sampler = DDIM(steps=5, order=2, guidance=2.0, guidance_interval=ends, autoguidance=AUTO)
    entry = json.loads(json.dumps(sampler.model_dump() | {"fid": 3.0, "evaluations": 7}))
    assert recorded(entry) == sampler


def test_sampler_of_an_early_checkpoint_is_without_autoguidance() -> None:
    sampler = DDIM(steps=5, autoguidance=AUTO, guidance_interval=(0.0, 0.5))
    assert sampler.at(6) == sampler
    assert sampler.at(5) == DDIM(steps=5)
    both = sampler.model_copy(update={"guidance": 2.0})
    assert both.at(5) == DDIM(steps=5, guidance=2.0, guidance_interval=(0.0, 0.5))

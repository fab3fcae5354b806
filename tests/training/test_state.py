"""The state of a training: learning rate, EMA, and continuation."""

import json
import math
from typing import Any

import pytest
import torch
from conftest import build_network

from hotcold.training.params import RecipeParams
from hotcold.training.state import TrainState, warmup_cosine


def new_state(steps: int = 10, **recipe: Any) -> TrainState:
    network = build_network({"kind": "unet", "channels": (8, 8, 8)})
    return TrainState(network, RecipeParams(learning_rate=1e-2, **recipe), steps)


def train(state: TrainState, steps: int, rng: torch.Generator) -> list[float]:
    """Train on random images, an epoch a step; the learning rate of each step."""
    rates = []
    for _ in range(steps):
        rates.append(state.rate)
        state.optimizer.zero_grad()
        x = torch.rand(2, 1, 28, 28, generator=rng)
        state.network(x, torch.full((2,), 0.5)).square().mean().backward()
        state.optimizer.step()
        state.end_epoch(1.0)
    return rates


def test_learning_rate_rises_linearly_and_falls_as_a_cosine(rng: torch.Generator) -> None:
    rates = train(new_state(warmup=0.2), 10, rng)
    cosine = [1e-2 * (1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)]
    assert rates == pytest.approx([0.5e-2, 1e-2, *cosine])
    assert warmup_cosine(10, 10, 0.2) == pytest.approx(0)
    # The number of steps is rounded: 2.7 are three, 2.3 are two, and none are one.
    assert [warmup_cosine(0, 10, share) for share in (0.27, 0.23, 0.01)] == [1 / 3, 1 / 2, 1]
    assert warmup_cosine(1, 10, 0.01) == warmup_cosine(0, 1, 0.0) == 1


def test_ema_agrees_with_its_formula(rng: torch.Generator) -> None:
    state = new_state(ema=0.3)
    expected, agrees = None, []
    for k in range(1, 6):
        before = state.network.conv_out.weight.detach().clone()
        train(state, 1, rng)
        decay = min(0.3, k / (9 + k))
        expected = before if expected is None else expected
        expected = decay * expected + (1 - decay) * state.network.conv_out.weight.detach()
        agrees.append(torch.allclose(state.ema_network.conv_out.weight, expected, atol=1e-7))
    assert agrees == [True] * 5
    assert state.eval_network is state.ema_network
    assert not any(p.requires_grad for p in state.ema_network.parameters())


def test_plain_recipe_has_no_ema_and_no_optimizer_hook() -> None:
    plain = new_state()
    assert plain.eval_network is plain.network
    assert not plain.optimizer._optimizer_step_post_hooks


@pytest.mark.parametrize(
    "recipe", [{"ema": 0.9}, {"warmup": 0.3}, {"plateau": {"factor": 0.5, "patience": 1}}]
)
def test_training_continues_from_a_loaded_state(recipe: dict, rng: torch.Generator) -> None:
    """Weights, moments, their step count, the learning rate, the EMA and the plateau's patience."""
    complete, first, second = (new_state(**recipe) for _ in range(3))
    start = rng.get_state()
    rates = train(complete, 6, rng)
    assert (len(set(rates)) > 1) == ("ema" not in recipe)
    rng.set_state(start)
    train(first, 3, rng)
    tensors, description = first.state_dict()
    tensors = {name: x.clone() for name, x in tensors.items()}
    second.load_state_dict(tensors, json.loads(json.dumps(description)))
    assert second.rate == first.rate
    train(second, 3, rng)
    (expected, words), (found, again) = complete.state_dict(), second.state_dict()
    assert json.dumps(again) == json.dumps(words)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)

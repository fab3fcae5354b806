"""Losses of networks whose loss is known."""

from __future__ import annotations

import math

import pytest
import torch
from hotcold.models.degradations import Gaussian, GreyImpulse, Impulse
from hotcold.models.schedules import cosine_density, linear_alpha_bar
from hotcold.training.loss import loss
from torch import Tensor, nn

from hotcold.models.model import DiffusionModel, Network

HOT = Gaussian(linear_alpha_bar(1e-4, 0.02, 20))
COLD = Impulse(cosine_density(0.05, 0.25, 20))
GREY = GreyImpulse(cosine_density(0.0, 0.5, 150), levels=16)


def hot(network: Network) -> DiffusionModel:
    return DiffusionModel(network, HOT, "eps")


def cold(network: Network) -> DiffusionModel:
    return DiffusionModel(network, COLD, "x_0")


def zeros(x_t: Tensor, t: Tensor) -> Tensor:
    return torch.zeros_like(x_t)


def test_loss_of_a_perfect_network_is_zero(rng: torch.Generator) -> None:
    x_0 = torch.rand(6, 1, 28, 28, generator=rng) - 0.5
    t = torch.randint(1, 21, (6,), generator=rng)
    eps, u = HOT.draw_noise(x_0, rng), COLD.draw_noise(x_0, rng)
    assert loss(hot(lambda x_t, t: eps), x_0, t, eps).item() == 0
    assert loss(cold(lambda x_t, t: x_0), x_0, t, u).item() == 0


def test_loss_of_predicting_zero_is_the_mean_square_of_the_target(rng: torch.Generator) -> None:
    """It is 1 for eps, its variance, and the mean square of the image for x_0."""
    x_0 = torch.full((50, 1, 28, 28), 0.3)
    t = torch.randint(1, 21, (50,), generator=rng)
    eps = HOT.draw_noise(x_0, rng)
    assert loss(hot(zeros), x_0, t, eps).item() == pytest.approx(1, rel=0.03)
    assert loss(cold(zeros), x_0, t, COLD.draw_noise(x_0, rng)).item() == pytest.approx(0.09)


def test_network_gets_x_t_and_t_over_T(rng: torch.Generator) -> None:
    x_0 = torch.rand(4, 1, 28, 28, generator=rng) - 0.5
    t, eps = torch.tensor([1, 5, 10, 20]), HOT.draw_noise(x_0, rng)
    inputs = {}

    def network(x_t: Tensor, scaled: Tensor) -> Tensor:
        inputs.update(x_t=x_t, scaled=scaled)
        return x_t

    loss(hot(network), x_0, t, eps)
    assert torch.equal(inputs["x_t"], HOT.degrade(x_0, eps, t))
    assert inputs["scaled"].tolist() == pytest.approx([0.05, 0.25, 0.5, 1.0])


def test_loss_of_grey_levels_is_their_cross_entropy(rng: torch.Generator) -> None:
    x_0, t = torch.rand(4, 1, 28, 28, generator=rng) - 0.5, torch.full((4,), 75)
    u = GREY.draw_noise(x_0, rng)
    uniform = DiffusionModel(lambda x_t, t: torch.zeros(len(x_t), 16, 28, 28), GREY, "categorical")
    assert loss(uniform, x_0, t, u).item() == pytest.approx(math.log(16))
    certain = 50 * nn.functional.one_hot(GREY.quantise(x_0)[:, 0], 16).movedim(-1, 1).float()
    perfect = DiffusionModel(lambda x_t, t: certain, GREY, "categorical")
    assert loss(perfect, x_0, t, u).item() == pytest.approx(0, abs=1e-6)

"""Schedules in closed form: equations 2, 4 and 17, and the cosine schedule."""

from __future__ import annotations

import math

import pytest
import torch
from hotcold.models.degradations import build
from hotcold.models.schedules import (
    beta_from,
    cosine_alpha_bar,
    cosine_density,
    linear_alpha_bar,
)
from hotcold.sampling.samplers import sample_ddim
from hypothesis import given, settings
from hypothesis import strategies as st

from hotcold.models.params import GaussianParams
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import validate
from hotcold.sampling.params import DDIM

# t -> value, as printed under the published figures 1 (model1) and 8 (model3)
FIGURE_1 = {50: "0.96998", 100: "0.89523", 250: "0.52175", 500: "0.07799", 750: "0.003319"}
FIGURE_8 = {
    0: "0.050",
    25: "0.063",
    50: "0.100",
    75: "0.150",
    100: "0.200",
    125: "0.237",
    149: "0.250",
}


def decimals(printed: str) -> int:
    return len(printed.split(".")[1])


@pytest.mark.parametrize(("t", "printed"), FIGURE_1.items())
def test_alpha_bar_has_the_values_printed_in_figure_1(t: int, printed: str) -> None:
    value = linear_alpha_bar(1e-4, 0.02, 1000)[t].item()
    assert f"{value:.{decimals(printed)}f}" == printed


def test_alpha_bar_at_both_ends() -> None:
    alpha_bar = linear_alpha_bar(1e-4, 0.02, 1000)
    assert len(alpha_bar) == 1001
    assert alpha_bar[0] == 1
    assert f"{alpha_bar[999]:.4e}" == "4.0767e-05"


@pytest.mark.parametrize(("t", "printed"), FIGURE_8.items())
def test_density_has_the_values_printed_in_figure_8(t: int, printed: str) -> None:
    value = cosine_density(0.05, 0.25, 150)[t].item()
    assert f"{value:.{decimals(printed)}f}" == printed


def test_density_at_both_ends_agrees_with_equation_17() -> None:
    density = cosine_density(0.05, 0.25, 150)
    assert len(density) == 151
    assert density[0].item() == pytest.approx(0.05)
    assert density[150].item() == pytest.approx(0.25)
    assert (density.diff() > 0).all()


def test_share_of_replaced_pixels_is_a_squared_sine() -> None:
    t = torch.arange(151, dtype=torch.float64)
    torch.testing.assert_close(2 * cosine_density(0.0, 0.5, 150), (math.pi * t / 300).sin() ** 2)


def test_beta_is_linear_and_its_product_is_alpha_bar() -> None:
    T, beta1, beta2 = 1200, 1e-4, 0.05
    alpha_bar = linear_alpha_bar(beta1, beta2, T)
    beta = beta_from(alpha_bar)
    expected = beta1 + (beta2 - beta1) * torch.arange(T + 1, dtype=torch.float64) / T
    torch.testing.assert_close(beta[2:], expected[2:])
    # The first step contains the published beta_0 and beta_1.
    assert 1 - beta[1].item() == pytest.approx((1 - expected[0].item()) * (1 - expected[1].item()))
    torch.testing.assert_close((1 - beta).cumprod(0), alpha_bar)


def test_cosine_schedule_has_the_values_of_its_formula() -> None:
    alpha_bar = cosine_alpha_bar(1000)
    assert alpha_bar[0] == 1
    for t in (1, 250, 500, 900):
        angles = [(k / 1000 + 0.008) / 1.008 * math.pi / 2 for k in (t, 0)]
        expected = (math.cos(angles[0]) / math.cos(angles[1])) ** 2
        assert alpha_bar[t].item() == pytest.approx(expected)
    assert 0 < alpha_bar[1000] < 1e-8
    assert (alpha_bar.diff() < 0).all()


@given(
    st.floats(1e-15, 0.99), st.floats(1e-15, 0.99), st.integers(2, 500), st.sampled_from([1, 50])
)
@settings(max_examples=60)
def test_schedule_that_is_not_refused_has_finite_coefficients(
    first: float, last: float, T: int, steps: int
) -> None:
    block = {"kind": "gaussian", "beta": tuple(sorted((first, last))), "T": T}
    try:
        validate(block, GaussianParams)
    except UserError as error:
        assert "alpha_bar falls to" in str(error)
        return
    process = build(block)
    alpha_bar = process.alpha_bar.float()
    alpha_bar = process.alpha_bar.float()
    assert (alpha_bar > 0).all()
    assert (process.sqrt_one_minus_alpha_bar[1:] > 0).all()
    shape, sampler = (1, 1, 2, 2), DDIM(steps=min(steps, T))
    x_T = torch.ones(shape)
    x_0 = sample_ddim(lambda x_t, t: x_T, process, x_T, torch.randn_like, sampler)
    assert x_0.isfinite().all()

"""Gaussian noise, equations 1-5, and its schedules in closed form."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hotcold import DDIM
from hotcold.models.model import DiffusionModel
from hotcold.models.process import build
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.gaussian.params import GaussianParams
from hotcold.processes.gaussian.process import (
    Gaussian,
    beta_from,
    cosine_alpha_bar,
    linear_alpha_bar,
)
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import validate
from hotcold.samplers.ddim.sampler import run

PUBLISHED = Gaussian(linear_alpha_bar(1e-4, 0.02, 1000))  # model1
COSINE = Gaussian(cosine_alpha_bar(1000))


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
@example(1e-4, 0.16, 1000, 3)
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
    assert (process.alpha_bar.float() > 0).all()
    assert (process.sqrt_one_minus_alpha_bar[1:] > 0).all()
    noise = ChunkedNoise([1], [torch.Generator().manual_seed(0)])
    start = process.start(torch.ones(1, 1, 2, 2), noise)
    for eta in (0.0, 1.0):
        sampler = DDIM(steps=min(steps, T), eta=eta)
        x = run(sampler, lambda x_t, t: start.x_T, process, start, noise)["ddim"]
        assert x.isreal().all()
        assert x.isfinite().all()


@pytest.mark.parametrize("predicts", ["eps", "x_0", "v"])
@pytest.mark.parametrize("process", [PUBLISHED, COSINE], ids=["linear", "cosine"])
def test_every_perfect_prediction_gives_the_true_noise_and_no_loss(
    predicts: str, process: Gaussian, rng: torch.Generator
) -> None:
    x_0 = (torch.rand(3, 1, 28, 28, generator=rng) - 0.5).double()
    eps = process.draw_noise(x_0, rng)
    for t in (1, process.T // 2, process.T):
        steps = torch.full((3,), t)
        right = process.predictions[predicts].target(process, x_0, steps, eps)
        model = DiffusionModel(lambda x, _, right=right: right, process, predicts)
        torch.testing.assert_close(model.predict(process.degrade(x_0, eps, t), t), eps)
        assert model.loss(x_0, steps, eps).item() == pytest.approx(0)


FIGURE_1 = {  # t -> the value printed under the figure; the last one in full
    50: "0.96998",
    100: "0.89523",
    250: "0.52175",
    500: "0.07799",
    750: "0.003319",
    999: "0.000040767",
}


@pytest.mark.parametrize(("t", "printed"), FIGURE_1.items())
def test_alpha_bar_has_the_values_printed_in_figure_1(t: int, printed: str) -> None:
    decimals = len(printed.split(".")[1])
    assert f"{PUBLISHED.alpha_bar[t].item():.{decimals}f}" == printed

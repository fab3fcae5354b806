"""Gaussian noise, equations 1-5, and its schedules in closed form."""

import math

import pytest
import torch
from conftest import build_process
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

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


def test_beta_is_linear_and_its_product_is_alpha_bar() -> None:
    T, beta1, beta2 = 1200, 1e-4, 0.05
    alpha_bar = linear_alpha_bar(beta1, beta2, T)
    beta = beta_from(alpha_bar)
    expected = beta1 + (beta2 - beta1) * torch.arange(T + 1, dtype=torch.float64) / T
    torch.testing.assert_close(beta[2:], expected[2:])
    # The first step contains the published beta_0 and beta_1.
    assert 1 - beta[1].item() == pytest.approx((1 - expected[0].item()) * (1 - expected[1].item()))
    torch.testing.assert_close((1 - beta).cumprod(0), alpha_bar)


@given(st.tuples(st.floats(1e-6, 0.999), st.floats(0.001, 0.999)).map(sorted), st.integers(2, 2000))
def test_alpha_bar_falls_from_1_and_is_the_product_of_1_minus_beta(
    beta: list[float], T: int
) -> None:
    alpha_bar = linear_alpha_bar(*beta, T)
    assert alpha_bar.shape == (T + 1,)
    assert alpha_bar[0] == 1
    assert (alpha_bar.diff() <= 0).all()
    assert (alpha_bar >= 0).all()
    precise = alpha_bar > 1e-300  # below, quotients of alpha_bar have no digits left
    product = torch.cumprod(1 - beta_from(alpha_bar), 0)
    torch.testing.assert_close(product[precise], alpha_bar[precise], rtol=1e-9, atol=0)


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
    assert (process.alpha_bar.float() > 0).all()
    assert (process.sqrt_one_minus_alpha_bar[1:] > 0).all()
    noise = ChunkedNoise([1], [torch.Generator().manual_seed(0)])
    start = process.start(torch.ones(1, 1, 2, 2), noise)
    sets = run(DDIM(steps=min(steps, T)), lambda x_t, t: start.x_T, process, start, noise)
    assert sets["ddim"].isfinite().all()


def test_moments_of_x_t_for_a_fixed_x_0(rng: torch.Generator) -> None:
    x_0 = torch.full((200, 1, 28, 28), 0.3)
    for t in (1, 100, 500, 1000):
        x_t = PUBLISHED.degrade(x_0, PUBLISHED.draw_noise(x_0, rng), t)
        alpha_bar, n = PUBLISHED.alpha_bar[t].item(), x_t.numel()
        error = 5 * math.sqrt((1 - alpha_bar) / n)
        assert x_t.mean().item() == pytest.approx(math.sqrt(alpha_bar) * 0.3, abs=error)
        # The variance of a variance estimate is 2 sigma^4 / n (equation 4).
        assert x_t.var().item() == pytest.approx(1 - alpha_bar, rel=5 * math.sqrt(2 / n))


def test_single_steps_have_the_moments_of_the_diffusion_kernel(rng: torch.Generator) -> None:
    """Equation 1 step by step has the moments of equation 5."""
    process = Gaussian(linear_alpha_bar(1e-3, 0.2, 10))
    x = torch.full((400, 1, 28, 28), 0.5)
    for t in range(1, 11):
        beta = process.beta[t].item()
        x = math.sqrt(1 - beta) * x + math.sqrt(beta) * torch.randn(x.shape, generator=rng)
    alpha_bar = process.alpha_bar[10].item()
    assert x.mean().item() == pytest.approx(0.5 * math.sqrt(alpha_bar), abs=0.01)
    assert x.var().item() == pytest.approx(1 - alpha_bar, rel=0.02)


def target(
    predicts: str, process: Gaussian, x_0: Tensor, t: int, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """What the network is trained to predict at t, and t of each image."""
    steps = torch.full((len(x_0),), t)
    return process.predictions[predicts].target(process, x_0, steps, eps), steps


@pytest.mark.parametrize("predicts", ["eps", "x_0", "v"])
@pytest.mark.parametrize("process", [PUBLISHED, COSINE], ids=["linear", "cosine"])
def test_every_perfect_prediction_gives_the_true_noise_and_no_loss(
    predicts: str, process: Gaussian, rng: torch.Generator
) -> None:
    x_0 = (torch.rand(3, 1, 28, 28, generator=rng) - 0.5).double()
    eps = process.draw_noise(x_0, rng)
    for t in (1, process.T // 2, process.T):
        right, steps = target(predicts, process, x_0, t, eps)
        model = DiffusionModel(lambda x, _, right=right: right, process, predicts)
        torch.testing.assert_close(model.predict(process.degrade(x_0, eps, t), t), eps)
        assert model.loss(x_0, steps, eps).item() == pytest.approx(0)


def test_v_has_the_variance_of_the_noise_for_data_of_that_variance(rng: torch.Generator) -> None:
    x_0 = torch.randn(50, 1, 28, 28, generator=rng)
    eps = COSINE.draw_noise(x_0, rng)
    for t in (1, 400, 1000):
        assert target("v", COSINE, x_0, t, eps)[0].std().item() == pytest.approx(1, abs=0.02)


def test_loss_of_predicting_zero_is_the_variance_of_the_noise(rng: torch.Generator) -> None:
    model = DiffusionModel(lambda x_t, t: torch.zeros_like(x_t), build_process("linear"), "eps")
    x_0, t = torch.full((50, 1, 28, 28), 0.3), torch.randint(1, 7, (50,), generator=rng)
    eps = model.process.draw_noise(x_0, rng)
    assert model.loss(x_0, t, eps).item() == pytest.approx(1, rel=0.03)

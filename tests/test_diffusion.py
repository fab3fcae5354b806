"""Schedules and degradations: equations 1-5, 16 and 17, in closed form."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from diffusion.models import degradations
from diffusion.models.degradations import Gaussian, Impulse
from diffusion.models.schedules import beta_of, cosine_density, linear_alpha_bar

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


def test_density_at_both_ends_is_what_equation_17_says() -> None:
    density = cosine_density(0.05, 0.25, 150)
    assert len(density) == 151
    assert density[0].item() == pytest.approx(0.05)
    assert density[150].item() == pytest.approx(0.25)
    assert (density.diff() > 0).all()


def test_beta_is_linear_and_rebuilds_alpha_bar() -> None:
    T, beta1, beta2 = 1200, 1e-4, 0.05
    alpha_bar = linear_alpha_bar(beta1, beta2, T)
    beta = beta_of(alpha_bar)
    expected = beta1 + (beta2 - beta1) * torch.arange(T + 1, dtype=torch.float64) / T
    torch.testing.assert_close(beta[2:], expected[2:])
    # The first step holds the published beta_0 and beta_1.
    assert 1 - beta[1].item() == pytest.approx((1 - expected[0].item()) * (1 - expected[1].item()))
    torch.testing.assert_close((1 - beta).cumprod(0), alpha_bar)


def test_moments_of_q_x_t_given_x_0_by_sampling(rng: torch.Generator) -> None:
    process = Gaussian(linear_alpha_bar(1e-4, 0.02, 1000))
    x_0 = torch.full((200, 1, 28, 28), 0.3)
    for t in (1, 100, 500, 1000):
        x_t = process.degrade(x_0, process.field(x_0, rng), t)
        alpha_bar, n = process.alpha_bar[t].item(), x_t.numel()
        error = 5 * math.sqrt((1 - alpha_bar) / n)
        assert x_t.mean().item() == pytest.approx(math.sqrt(alpha_bar) * 0.3, abs=error)
        # The variance of a variance estimate is 2 sigma^4 / n (equation 4).
        assert x_t.var().item() == pytest.approx(1 - alpha_bar, rel=5 * math.sqrt(2 / n))


def test_one_step_at_a_time_is_the_diffusion_kernel(rng: torch.Generator) -> None:
    """Equation 1 step by step has the moments of equation 5."""
    process = Gaussian(linear_alpha_bar(1e-3, 0.2, 10))
    x = torch.full((400, 1, 28, 28), 0.5)
    for t in range(1, 11):
        beta = process.beta[t].item()
        x = math.sqrt(1 - beta) * x + math.sqrt(beta) * torch.randn(x.shape, generator=rng)
    alpha_bar = process.alpha_bar[10].item()
    assert x.mean().item() == pytest.approx(0.5 * math.sqrt(alpha_bar), abs=0.01)
    assert x.var().item() == pytest.approx(1 - alpha_bar, rel=0.02)


@pytest.mark.parametrize("t", [1, 75, 150])
def test_impulse_noise_replaces_twice_the_density(t: int, rng: torch.Generator) -> None:
    process = Impulse(cosine_density(0.05, 0.25, 150))
    x_0 = torch.zeros(300, 1, 28, 28)
    x_t = process.degrade(x_0, process.field(x_0, rng), t)
    density, n = process.density[t].item(), x_t.numel()
    error = 5 * math.sqrt(density * (1 - density) / n)
    assert (x_t == 0.5).double().mean().item() == pytest.approx(density, abs=error)
    assert (x_t == -0.5).double().mean().item() == pytest.approx(density, abs=error)
    assert set(x_t.unique().tolist()) == {-0.5, 0.0, 0.5}


def test_impulse_masks_nest_over_t(rng: torch.Generator) -> None:
    process = Impulse(cosine_density(0.05, 0.25, 150))
    x_0 = torch.zeros(10, 1, 28, 28)
    u = process.field(x_0, rng)
    replaced = [process.degrade(x_0, u, t) for t in range(151)]
    for earlier, later in pairwise(replaced):
        hit = earlier != 0
        assert torch.equal(earlier[hit], later[hit])
        assert (later != 0).sum() >= hit.sum()


def test_t_0_is_the_clean_image(rng: torch.Generator) -> None:
    x_0 = torch.rand(5, 1, 28, 28, generator=rng) - 0.5
    for block in (
        {"kind": "gaussian", "beta": (1e-4, 0.02), "T": 100},
        {"kind": "impulse", "rho": (0.05, 0.25), "T": 100},
    ):
        process = degradations.build(block)
        field = torch.zeros_like(x_0)  # u = 0 is the edge: salt at every density
        assert torch.equal(process.degrade(x_0, field, 0), x_0)


def test_a_schedule_is_copied_to_the_device_once(rng: torch.Generator) -> None:
    """A copy in each step would make the processor wait for the device in each step."""
    process = Gaussian(linear_alpha_bar(1e-4, 0.02, 50))
    x_0, t = torch.zeros(2, 1, 28, 28), torch.tensor([1, 50])
    process.degrade(x_0, x_0, t)
    copies = degradations._placed.cache_info().misses
    process.degrade(x_0, x_0, t)
    assert degradations._placed.cache_info().misses == copies


def test_every_image_has_its_own_t(rng: torch.Generator) -> None:
    for process in (
        Gaussian(linear_alpha_bar(1e-4, 0.02, 50)),
        Impulse(cosine_density(0.05, 0.25, 50)),
    ):
        x_0 = torch.rand(4, 1, 28, 28, generator=rng) - 0.5
        field = process.field(x_0, rng)
        t = torch.tensor([0, 1, 25, 50])
        together = process.degrade(x_0, field, t)
        for i in range(4):
            alone = process.degrade(x_0[i : i + 1], field[i : i + 1], int(t[i]))
            assert torch.equal(together[i : i + 1], alone)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'snow', must be 'gaussian', 'impulse', 'blur'"):
        degradations.build({"kind": "snow", "T": 3})

"""Forward processes: equations 1-5 and 16, grey levels, and the degradations of Bansal et al."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hotcold.models.degradations import (
    Blur,
    Dissipation,
    Fading,
    Gaussian,
    GreyImpulse,
    Impulse,
    MaskedImpulse,
    Pixelation,
    with_brightness,
)
from hotcold.models.schedules import cosine_density, linear_alpha_bar

from hotcold.models import degradations

GREY = GreyImpulse(cosine_density(0.0, 0.5, 150), levels=16)
DETERMINISTIC = [
    {"kind": "blur", "std": 3.0, "T": 6},
    {"kind": "pixelation", "sides": (2, 4, 7, 14)},
    {"kind": "fading", "width": 6.0, "T": 5},
]


def test_moments_of_x_t_for_a_fixed_x_0(rng: torch.Generator) -> None:
    process = Gaussian(linear_alpha_bar(1e-4, 0.02, 1000))
    x_0 = torch.full((200, 1, 28, 28), 0.3)
    for t in (1, 100, 500, 1000):
        x_t = process.degrade(x_0, process.draw_noise(x_0, rng), t)
        alpha_bar, n = process.alpha_bar[t].item(), x_t.numel()
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


@pytest.mark.parametrize("t", [1, 75, 150])
def test_impulse_noise_replaces_a_share_of_twice_the_density(t: int, rng: torch.Generator) -> None:
    process = Impulse(cosine_density(0.05, 0.25, 150))
    x_0 = torch.zeros(300, 1, 28, 28)
    x_t = process.degrade(x_0, process.draw_noise(x_0, rng), t)
    density, n = process.density[t].item(), x_t.numel()
    error = 5 * math.sqrt(density * (1 - density) / n)
    assert (x_t == 0.5).double().mean().item() == pytest.approx(density, abs=error)
    assert (x_t == -0.5).double().mean().item() == pytest.approx(density, abs=error)
    assert set(x_t.unique().tolist()) == {-0.5, 0.0, 0.5}


def test_impulse_masks_nest_over_t(rng: torch.Generator) -> None:
    process = Impulse(cosine_density(0.05, 0.25, 150))
    x_0 = torch.zeros(10, 1, 28, 28)
    u = process.draw_noise(x_0, rng)
    states = [process.degrade(x_0, u, t) for t in range(151)]
    for earlier, later in itertools.pairwise(states):
        replaced = earlier != 0
        assert torch.equal(earlier[replaced], later[replaced])
        assert (later != 0).sum() >= replaced.sum()


def test_t_0_is_the_clean_image(rng: torch.Generator) -> None:
    x_0 = torch.rand(5, 1, 28, 28, generator=rng) - 0.5
    for block in (
        {"kind": "gaussian", "beta": (1e-4, 0.02), "T": 100},
        {"kind": "impulse", "rho": (0.05, 0.25), "T": 100},
    ):
        process = degradations.build(block)
        noise = torch.zeros_like(x_0)  # u = 0 is salt at every density
        assert torch.equal(process.degrade(x_0, noise, 0), x_0)


def test_schedule_is_copied_to_the_device_once() -> None:
    """A copy in each step would make the CPU wait for the device in each step."""
    process = Gaussian(linear_alpha_bar(1e-4, 0.02, 50))
    x_0, t = torch.zeros(2, 1, 28, 28), torch.tensor([1, 50])
    process.degrade(x_0, x_0, t)
    copies = degradations._on_device.cache_info().misses
    process.degrade(x_0, x_0, t)
    assert degradations._on_device.cache_info().misses == copies


def test_every_image_has_its_own_t(rng: torch.Generator) -> None:
    for process in (
        Gaussian(linear_alpha_bar(1e-4, 0.02, 50)),
        Impulse(cosine_density(0.05, 0.25, 50)),
    ):
        x_0 = torch.rand(4, 1, 28, 28, generator=rng) - 0.5
        noise = process.draw_noise(x_0, rng)
        t = torch.tensor([0, 1, 25, 50])
        batch = process.degrade(x_0, noise, t)
        for i in range(4):
            single = process.degrade(x_0[i : i + 1], noise[i : i + 1], int(t[i]))
            assert torch.equal(batch[i : i + 1], single)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'snow', must be 'gaussian', 'impulse', 'blur'"):
        degradations.build({"kind": "snow", "T": 3})


def test_grey_levels_are_recovered_and_the_ends_are_pepper_and_salt() -> None:
    levels = torch.arange(16)
    assert torch.equal(GREY.quantise(GREY.dequantise(levels)), levels)
    assert GREY.dequantise(levels)[[0, 15]].tolist() == [GREY.low, GREY.high]


def test_last_state_of_impulse_noise_does_not_depend_on_the_image(rng: torch.Generator) -> None:
    a, b = (torch.rand(3, 1, 28, 28, generator=rng) - 0.5 for _ in range(2))
    u = GREY.draw_noise(a, rng)
    for process in (GREY, Impulse(GREY.density)):
        x_T = process.degrade(a, u, process.T)
        assert torch.equal(x_T, process.degrade(b, u, process.T))
        assert set(x_T.unique().tolist()) == {-0.5, 0.5}


@pytest.mark.parametrize("block", DETERMINISTIC, ids=lambda block: block["kind"])
def test_deterministic_degradations_have_the_common_interface(
    block: dict, rng: torch.Generator
) -> None:
    """t = 0 is the clean image, each image has its own t, and the loss of detail grows with t."""
    process = degradations.build(block)
    offset = torch.arange(28) - 11.0
    bump = torch.exp(-(offset**2) / 20)
    x_0 = (bump[:, None] * bump - 0.5).expand(4, 1, 28, 28)
    u = process.draw_noise(x_0, rng)
    torch.testing.assert_close(process.degrade(x_0, u, 0), x_0)
    t = torch.tensor([0, 1, 2, process.T])
    batch = process.degrade(x_0, u, t)
    for i in range(4):
        single = process.degrade(x_0[i : i + 1], u[i : i + 1], int(t[i]))
        torch.testing.assert_close(single, batch[i : i + 1])
    states = [process.degrade(x_0, u, t) for t in range(process.T + 1)]
    errors = [(x - x_0).square().mean().item() for x in states]
    assert all(a < b for a, b in itertools.pairwise(errors))


def test_blur_is_a_gaussian_and_keeps_the_mean() -> None:
    process = Blur(torch.tensor([0.0, 1.5], dtype=torch.float64))
    x_0 = torch.zeros(1, 1, 28, 28)
    x_0[0, 0, 14, 14] = 1
    x = process.degrade(x_0, x_0, 1)[0, 0]
    offset = torch.arange(28) - 14
    assert x.sum().item() == pytest.approx(1, abs=1e-5)
    assert (x.sum(0) * offset**2).sum().item() == pytest.approx(1.5**2, rel=0.03)
    assert x[14, 17].item() / x[14, 14].item() == pytest.approx(math.exp(-2), rel=1e-4)


def test_square_of_pixelation_has_the_mean_of_its_pixels(rng: torch.Generator) -> None:
    x_0 = torch.rand(1, 1, 28, 28, generator=rng)
    x = Pixelation((2, 7)).degrade(x_0, x_0, 2)
    torch.testing.assert_close(x[0, 0, 7:14, 14:21], x_0[0, 0, 7:14, 14:21].mean().expand(7, 7))


def test_dark_spot_is_black_at_the_centre_that_its_noise_determines() -> None:
    process = Fading(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    x_0, u = torch.full((1, 1, 28, 28), 0.5), torch.zeros(1, 1, 28, 28)
    u.flatten()[:2] = torch.tensor([9 / 27, 18 / 27])
    x = process.degrade(x_0, u, 2)[0, 0]
    assert x[9, 18] == pytest.approx(-0.5, abs=1e-5)
    kept = (1 - math.exp(-9 / 2)) * (1 - math.exp(-9 / 8))  # at a distance of three pixels
    assert x[9, 21].item() == pytest.approx(kept - 0.5, abs=1e-4)


@pytest.mark.parametrize("t", [1, 75, 150])
def test_known_mask_is_where_the_same_noise_replaces_pixels(t: int, rng: torch.Generator) -> None:
    known = MaskedImpulse(GREY.density, levels=16)
    x_0 = GREY.dequantise(
        torch.randint(1, 15, (50, 1, 28, 28), generator=rng)
    )  # no salt, no pepper
    u = GREY.draw_noise(x_0, rng)
    blind, masked = GREY.degrade(x_0, u, t), known.degrade(x_0, u, t)
    replaced = blind != x_0
    assert torch.equal(known.may_be_noise(masked), replaced)
    assert torch.equal(masked[~replaced], x_0[~replaced])
    assert set(masked[replaced].tolist()) == {MaskedImpulse.MASK}
    seen = known.network_input(masked)
    assert torch.equal(seen[:, :1], masked)
    assert torch.equal(seen[:, 1:].bool(), replaced)


def test_weights_of_the_bound_are_those_of_the_posterior() -> None:
    """A replaced pixel is x_0 at t - 1 with probability 1 - rho_{t-1} / rho_t, and always at 0."""
    weight = MaskedImpulse(cosine_density(0.0, 0.5, 4), levels=2).bound_weight.tolist()
    rho = [math.sin(math.pi * t / 8) ** 2 / 2 for t in range(5)]
    assert weight == pytest.approx([0, *(4 * (1 - rho[t - 1] / rho[t]) for t in range(1, 5))])


def dissipation(noise: float) -> Dissipation:
    process = degradations.build(
        {"kind": "dissipation", "std": (0.3, 20.0), "T": 50, "noise": noise}
    )
    assert isinstance(process, Dissipation)
    return process


def test_dissipation_is_blur_on_a_logarithmic_scale_plus_constant_noise(
    rng: torch.Generator,
) -> None:
    process, x_0 = dissipation(0.1), torch.rand(40, 1, 28, 28, generator=rng) - 0.5
    std = process.blur.std
    assert std[0] == 0
    torch.testing.assert_close(std[1:].log().diff(), std[1:].log().diff().mean().expand(49))
    assert (std[1].item(), std[-1].item()) == pytest.approx((0.3, 20))
    eps = process.draw_noise(x_0, rng)
    assert torch.equal(process.degrade(x_0, eps, 0), x_0)
    steps = torch.arange(40) + 1
    added = process.degrade(x_0, eps, steps) - process.blur.degrade(x_0, eps, steps)
    torch.testing.assert_close(added, 0.1 * eps, rtol=0, atol=1e-6)
    last = process.blur.degrade(x_0, eps, 50)
    assert last.std((2, 3)).max() < 0.01  # nothing is left but the mean


def test_dissipation_starts_from_the_brightness_of_training_images(rng: torch.Generator) -> None:
    images = torch.rand(500, 1, 1, 1, generator=rng).pow(2).expand(-1, 1, 28, 28) - 0.5
    block = {"kind": "dissipation", "std": (0.3, 20.0), "T": 50, "noise": 0.2}
    process = degradations.build(with_brightness(block, images))
    assert isinstance(process, Dissipation)
    first, second = (torch.randn(4000, 1, 28, 28, generator=rng) for _ in range(2))
    grey = process.start(first, torch.zeros_like(second))
    assert grey.std((2, 3)).max() < 1e-6
    known, drawn = images[:, 0, 0, 0].sort().values, grey[:, 0, 0, 0].sort().values
    shares = torch.searchsorted(known, drawn) / len(known)
    uniform = torch.arange(1, 4001) / 4000
    assert (shares - uniform).abs().max() < 0.03  # Kolmogorov-Smirnov: 0.1 % at 0.031
    torch.testing.assert_close(process.start(first, second) - grey, 0.2 * second)
    with pytest.raises(ValueError, match="quantiles of the mean brightness are not known"):
        dissipation(0.2).start(first, second)
    assert with_brightness({"kind": "blur"}, images) == {"kind": "blur"}


def test_blur_is_not_rounded_by_autocast(rng: torch.Generator) -> None:
    process = Blur(torch.linspace(0, 3, 4, dtype=torch.float64))
    x_0 = torch.rand(2, 1, 28, 28, generator=rng)
    expected = process.degrade(x_0, x_0, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(process.degrade(x_0, x_0, 2), expected)

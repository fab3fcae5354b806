"""Gaussian blur, a dark spot that spreads, pixelation, and the flow."""

import math

import pytest
import torch
from conftest import build_process
from diffusers import FlowMatchEulerDiscreteScheduler

from hotcold.processes.blur.process import Blur
from hotcold.processes.fading.process import Fading
from hotcold.processes.pixelation.process import Pixelation


def test_blur_is_a_gaussian_and_keeps_the_mean() -> None:
    process = Blur(torch.tensor([0.0, 1.5], dtype=torch.float64))
    x_0 = torch.zeros(1, 1, 28, 28)
    x_0[0, 0, 14, 14] = 1
    x = process.degrade(x_0, x_0, 1)[0, 0]
    offset = torch.arange(28) - 14
    assert x.sum().item() == pytest.approx(1, abs=1e-5)
    assert (x.sum(0) * offset**2).sum().item() == pytest.approx(1.5**2, rel=0.03)
    assert x[14, 17].item() / x[14, 14].item() == pytest.approx(math.exp(-2), rel=1e-4)


def test_blur_is_not_rounded_by_autocast(rng: torch.Generator) -> None:
    process = Blur(torch.linspace(0, 3, 4, dtype=torch.float64))
    x_0 = torch.rand(2, 1, 28, 28, generator=rng)
    expected = process.degrade(x_0, x_0, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(process.degrade(x_0, x_0, 2), expected)


def test_dark_spot_is_black_at_the_centre_that_its_noise_determines() -> None:
    process = Fading(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    x_0, u = torch.full((1, 1, 28, 28), 0.5), torch.zeros(1, 1, 28, 28)
    u.flatten()[:2] = torch.tensor([9 / 27, 18 / 27])
    x = process.degrade(x_0, u, 2)[0, 0]
    assert x[9, 18] == pytest.approx(-0.5, abs=1e-5)
    kept = (1 - math.exp(-9 / 2)) * (1 - math.exp(-9 / 8))  # at a distance of three pixels
    assert x[9, 21].item() == pytest.approx(kept - 0.5, abs=1e-4)


def test_square_has_the_mean_of_its_pixels(rng: torch.Generator) -> None:
    x_0 = torch.rand(1, 1, 28, 28, generator=rng)
    x = Pixelation((2, 7)).degrade(x_0, x_0, 2)
    torch.testing.assert_close(x[0, 0, 7:14, 14:21], x_0[0, 0, 7:14, 14:21].mean().expand(7, 7))


def test_states_are_on_the_straight_line_of_diffusers(rng: torch.Generator) -> None:
    process = build_process("flow")
    x_0, noise = torch.randn(2, 3, 1, 28, 28, generator=rng)
    t = torch.tensor([1, 3, process.T])
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=process.T)
    expected = scheduler.scale_noise(x_0, t.float(), noise)
    torch.testing.assert_close(process.degrade(x_0, noise, t), expected)
    torch.testing.assert_close(process.degrade(x_0, noise, process.T), noise)


def test_velocity_is_the_derivative_of_the_state(rng: torch.Generator) -> None:
    process = build_process("flow")
    x_0, noise = torch.randn(2, 4, 1, 28, 28, generator=rng)
    velocity = process.predictions["velocity"].target(process, x_0, torch.full((4,), 2), noise)
    slope = process.T * (process.degrade(x_0, noise, 3) - process.degrade(x_0, noise, 2))
    torch.testing.assert_close(velocity, slope, rtol=1e-4, atol=1e-5)

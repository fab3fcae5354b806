"""Blurring diffusion."""

import pytest
import torch
from conftest import build_process
from torch import Tensor

from hotcold import Blurring
from hotcold.models.process import Start, blurred
from hotcold.numerics.rng import ChunkedNoise
from hotcold.samplers.blurring.sampler import filtered, gains, run, waves

COUNT = 400


def states(eta: float, rng: torch.Generator, steps: int = 5) -> tuple[Tensor, dict[int, Tensor]]:
    """An image and x_t by t, with a network that always finds this image."""
    process, noise = build_process("dissipation"), ChunkedNoise([COUNT], [rng])
    x_0 = torch.rand(1, 1, 28, 28, generator=rng) - 0.5
    x_T = process.degrade(x_0, torch.randn(COUNT, 1, 28, 28, generator=rng), process.T)
    found: dict[int, Tensor] = {}

    def restore(x_t: Tensor, t: int) -> Tensor:
        assert x_t is found[t]
        return x_0.expand_as(x_t)

    keep = lambda key, t, x_t: found.__setitem__(t, x_t)  # noqa: E731
    run(Blurring(steps=steps, eta=eta), restore, process, Start(x_T, x_T), noise, keep)
    return x_0, found


def test_blur_multiplies_each_frequency(rng: torch.Generator) -> None:
    std = build_process("dissipation").schedule
    x = torch.rand(3, 1, 28, 28, generator=rng, dtype=torch.float64)
    for t, gain in enumerate(gains(std, 28)):
        torch.testing.assert_close(filtered(x, gain), blurred(x, std, t))
    expected = filtered(x.float(), gain.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(filtered(x.float(), gain.float()), expected)


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_every_state_has_the_blur_and_the_noise_of_training(
    eta: float, rng: torch.Generator
) -> None:
    x_0, found = states(eta, rng)
    process = build_process("dissipation")
    assert list(found) == [5, 4, 3, 2, 1, 0]
    for t in (4, 3, 2, 1):
        rest = found[t] - blurred(x_0, process.schedule, t)
        inside = rest[..., 1:-1, 1:-1]
        assert inside.mean().abs() < 0.001
        assert inside.std().item() == pytest.approx(process.noise, rel=0.02)
        assert rest[..., 0, :].std().item() == pytest.approx(process.noise, rel=0.15)
    assert torch.equal(found[0], x_0.expand_as(found[0]))


@pytest.mark.parametrize("eta", [0.6, 1.0])
def test_noise_is_kept_as_the_markov_chain_of_the_degradation_keeps_it(
    eta: float, rng: torch.Generator
) -> None:
    """Where x_t = r x_s + noise in each frequency, the noises of x_t and x_s have correlation r;
    with eta below 1, less is fresh."""
    x_0, found = states(eta, rng, steps=4)
    std, transform = build_process("dissipation").schedule, waves(28)[0].float()
    gain = gains(std, 28).float()
    waves_of = {
        t: (transform @ (x - blurred(x_0, std, t)) @ transform.mT)[:, 0] for t, x in found.items()
    }
    for t, s in [(5, 4), (4, 2), (2, 1)]:
        a, b = waves_of[t], waves_of[s]
        correlation = (a * b).mean(0) / (a.square().mean(0) * b.square().mean(0)).sqrt()
        r = (gain[t] / gain[s]).clamp(0, 1)
        error = (correlation - (1 - eta**2 * (1 - r**2)).sqrt())[gain[s] > 0.01]
        assert error.abs().max() < 5 / COUNT**0.5
        assert error.mean().abs() < 0.01


def test_without_fresh_noise_it_is_the_improved_cold_sampler(rng: torch.Generator) -> None:
    x_0, found = states(0.0, rng)
    std = build_process("dissipation").schedule
    for t in (5, 4, 3, 2):
        expected = found[t] - blurred(x_0, std, t) + blurred(x_0, std, t - 1)
        torch.testing.assert_close(found[t - 1], expected, atol=1e-5, rtol=0)

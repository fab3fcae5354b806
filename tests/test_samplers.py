"""Reverse processes, against oracles with known answers and against diffusers."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor

from diffusion.models import cnn as network
from diffusion.models import degradations
from diffusion.models.degradations import Gaussian, Impulse
from diffusion.models.schedules import cosine_density, linear_alpha_bar
from diffusion.runtime.rng import Chunked
from diffusion.sampling import samplers
from diffusion.sampling.params import Ancestral, Cold
from diffusion.sampling.samplers import (
    predictor,
    sample_ancestral,
    sample_cold_improved,
    sample_cold_naive,
    sample_strided,
    strided_steps,
)
from stages import sample

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import DDIMScheduler, DDPMScheduler

HOT = Gaussian(linear_alpha_bar(1e-4, 0.02, 1000))
COLD = Impulse(cosine_density(0.05, 0.25, 150))


def replay(noise: list[Tensor]):
    """The given noise, one tensor a step."""
    queue = iter(noise)
    return lambda x: next(queue)


def normal_from(generator: torch.Generator):
    return lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype)


def gaussian_oracle(mean: float, variance: float):
    """The best eps_hat for data that are N(mean, variance) in every pixel: x_0 and x_t are
    jointly Gaussian, so E[x_0 | x_t] is linear."""

    def predict(x_t: Tensor, t: int) -> Tensor:
        a = HOT.alpha_bar[t].item()
        x_0_hat = mean + math.sqrt(a) * variance * (x_t - math.sqrt(a) * mean) / (
            a * variance + 1 - a
        )
        return (x_t - math.sqrt(a) * x_0_hat) / math.sqrt(1 - a)

    return predict


def two_point_oracle(x_t: Tensor, t: int) -> Tensor:
    """The best eps_hat for pixels that are -0.5 with probability 0.3, else 0.5."""
    a = HOT.alpha_bar[t].item()
    signal = torch.tensor([-0.5, 0.5], dtype=x_t.dtype) * math.sqrt(a)
    logits = -((x_t[..., None] - signal) ** 2) / (2 * (1 - a)) + torch.tensor([0.3, 0.7]).log()
    x_0_hat = (logits.softmax(-1) * torch.tensor([-0.5, 0.5])).sum(-1)
    return (x_t - math.sqrt(a) * x_0_hat) / math.sqrt(1 - a)


def test_the_mean_of_equation_12_is_the_posterior_mean(rng: torch.Generator) -> None:
    """With the true noise of a known x_0 it is the mean of q(x_{t-1} | x_t, x_0), Ho et al. 2020,
    equation 7."""
    x_0 = torch.rand(2, 1, 28, 28, generator=rng, dtype=torch.float64) - 0.5
    a, beta = HOT.alpha_bar, HOT.beta
    states = {HOT.T: torch.randn(x_0.shape, generator=rng, dtype=torch.float64)}

    def true_noise(x_t: Tensor, t: int) -> Tensor:
        return (x_t - a[t].sqrt() * x_0) / (1 - a[t]).sqrt()

    sample_ancestral(true_noise, HOT, states[HOT.T], torch.zeros_like, states.__setitem__)
    for t in (1000, 999, 500, 2, 1):
        weights = a[t - 1].sqrt() * beta[t], (1 - beta[t]).sqrt() * (1 - a[t - 1])
        expected = (weights[0] * x_0 + weights[1] * states[t]) / (1 - a[t])
        torch.testing.assert_close(states[t - 1], expected)


@pytest.mark.parametrize("sampler", ["ancestral", "ddim", "stochastic"])
def test_gaussian_data_are_reproduced(sampler: str, rng: torch.Generator) -> None:
    mean, variance = 0.2, 0.09
    predict = gaussian_oracle(mean, variance)
    x_T = torch.randn(40, 1, 28, 28, generator=rng, dtype=torch.float64)
    if sampler == "ancestral":
        x_0 = sample_ancestral(predict, HOT, x_T, normal_from(rng))
    else:
        eta = 0.0 if sampler == "ddim" else 1.0
        x_0 = sample_strided(predict, HOT, x_T, normal_from(rng), steps=500, eta=eta)
    n = x_0.numel()
    assert x_0.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(variance / n) + 1e-3)
    # Discretisation adds a little to the statistical error sqrt(2 / n).
    assert x_0.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / n) + 0.02)


def test_two_point_data_are_reproduced(rng: torch.Generator) -> None:
    x_T = torch.randn(20, 1, 28, 28, generator=rng, dtype=torch.float64)
    x_0 = sample_ancestral(two_point_oracle, HOT, x_T, normal_from(rng))
    assert (x_0.abs() - 0.5).abs().max().item() < 0.1
    share = (x_0 > 0).double().mean().item()
    assert share == pytest.approx(0.7, abs=5 * math.sqrt(0.21 / x_0.numel()))


def scheduler(kind: type, **options: object):
    """diffusers with exactly our schedule, in float64 too: its step i is our t = i + 1."""
    theirs = kind(
        num_train_timesteps=HOT.T,
        trained_betas=HOT.beta[1:].numpy(),
        clip_sample=False,
        **options,
    )
    theirs.betas, theirs.alphas = HOT.beta[1:], 1 - HOT.beta[1:]
    theirs.alphas_cumprod = HOT.alpha_bar[1:]
    return theirs


def wave(x_t: Tensor, t: int) -> Tensor:
    """Some network output that depends on the state and on t."""
    return torch.sin(3 * x_t + t / 100)


def test_ancestral_agrees_with_diffusers(rng: torch.Generator) -> None:
    theirs = scheduler(DDPMScheduler, variance_type="fixed_large")
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    noise = [torch.randn(x_T.shape, generator=rng, dtype=x_T.dtype) for _ in range(HOT.T - 1)]
    ours = sample_ancestral(wave, HOT, x_T, replay(noise))
    x = x_T
    for t in range(HOT.T, 0, -1):
        mean = previous_mean(theirs, x, t)
        std = theirs._get_variance(t - 1) ** 0.5
        x = mean + (std * noise[HOT.T - t] if t > 1 else 0)
    torch.testing.assert_close(ours, x, rtol=1e-5, atol=1e-5)


def previous_mean(theirs: DDPMScheduler, x: Tensor, t: int) -> Tensor:
    """The mean of diffusers' step, which adds noise of its own: that is drawn again with the
    same seed, and subtracted."""
    g = torch.Generator().manual_seed(t)
    stepped = theirs.step(wave(x, t), t - 1, x, generator=g).prev_sample
    if t == 1:
        return stepped
    z = torch.randn(x.shape, generator=torch.Generator().manual_seed(t), dtype=x.dtype)
    return stepped - theirs._get_variance(t - 1) ** 0.5 * z


@pytest.mark.parametrize(("steps", "eta"), [(50, 0.0), (25, 0.0), (50, 1.0), (100, 0.5)])
def test_strided_agrees_with_diffusers(steps: int, eta: float, rng: torch.Generator) -> None:
    theirs = scheduler(DDIMScheduler, timestep_spacing="trailing", set_alpha_to_one=True)
    theirs.set_timesteps(steps)
    assert [int(t) + 1 for t in theirs.timesteps] == strided_steps(HOT.T, steps)[:-1]
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    noise = [torch.randn(x_T.shape, generator=rng, dtype=x_T.dtype) for _ in range(steps)]
    ours = sample_strided(wave, HOT, x_T, replay(noise), steps=steps, eta=eta)
    x = x_T
    for i, t in enumerate(theirs.timesteps):
        extra = {"eta": eta, "variance_noise": noise[i]} if eta else {}
        x = theirs.step(wave(x, int(t) + 1), t, x, **extra).prev_sample
    torch.testing.assert_close(ours, x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_numbers_of_steps_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=rf"steps is {steps}, must be in 1\.\.1000"):
        strided_steps(1000, steps)


def test_all_steps_are_all_steps() -> None:
    assert strided_steps(1200, 1200) == list(range(1200, -1, -1))
    assert strided_steps(7, 1) == [7, 0]


def test_a_perfect_restorer_gives_back_the_image(rng: torch.Generator) -> None:
    x_0 = torch.rand(8, 1, 28, 28, generator=rng) - 0.5
    u = COLD.field(x_0, rng)
    x_T = COLD.degrade(x_0, u, COLD.T)
    improved = sample_cold_improved(lambda x, t: x_0, COLD, x_T, u)
    torch.testing.assert_close(improved, x_0, rtol=0, atol=1e-6)
    seen = {}
    naive = sample_cold_naive(
        lambda x, t: x_0, COLD, x_T, u, torch.rand_like, lambda t, x: seen.update({t: x})
    )
    assert torch.equal(naive, x_0)
    assert not torch.equal(seen[75], COLD.degrade(x_0, u, 75))  # the noise is drawn anew


def test_an_imperfect_restorer_hurts_the_improved_sampler_only_where_pixels_were_replaced(
    rng: torch.Generator,
) -> None:
    x_0 = torch.rand(8, 1, 28, 28, generator=rng) - 0.5
    u = COLD.field(x_0, rng)
    x_T = COLD.degrade(x_0, u, COLD.T)
    survived = x_T == x_0
    improved = sample_cold_improved(lambda x, t: torch.zeros_like(x), COLD, x_T, u)
    torch.testing.assert_close(improved[survived], x_0[survived], rtol=0, atol=1e-6)
    assert improved[~survived].abs().max() < 1e-6


def test_cold_samplers_see_every_step_once_and_report_every_state(rng: torch.Generator) -> None:
    x_T = torch.zeros(1, 1, 28, 28)
    u = torch.rand(x_T.shape, generator=rng)
    for sampler, draw in (
        (sample_cold_naive, (torch.rand_like,)),
        (sample_cold_improved, ()),
    ):
        asked, seen = [], []
        sampler(
            lambda x, t, asked=asked: (asked.append(t), x)[1],
            COLD,
            x_T,
            u,
            *draw,
            watch=lambda t, x, seen=seen: seen.append(t),
        )
        assert asked == list(range(150, 0, -1))
        assert seen == list(range(150, -1, -1))


def test_the_network_is_told_t_over_T() -> None:
    told = []
    predict = predictor(lambda x, t: (told.append(t), x)[1], T=150)
    predict(torch.zeros(3, 1, 28, 28), 75)
    assert told[0].tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("kind", ["gaussian", "impulse"])
def test_stage_sample_draws_the_same_images_in_batches_of_100_and_500(kind: str) -> None:
    torch.manual_seed(0)
    net = network.build({"kind": "cnn", "hidden": [2]}).eval()
    noise = {"beta": (0.01, 0.5)} if kind == "gaussian" else {"rho": (0.05, 0.25)}
    process = degradations.build({"kind": kind, "T": 4} | noise)
    originals = torch.rand(1000, 1, 28, 28) - 0.5

    def images(batch_size: int, start: str) -> dict[str, Tensor]:
        sampler = Ancestral() if kind == "gaussian" else Cold(start=start)
        steps = []
        with torch.inference_mode():
            sets = sample.draw(
                samplers.predictor(net, 4),
                process,
                originals,
                sampler,
                batch_size,
                (1, "m", 5),
                lambda: steps.append(1),
            )
        assert len(steps) == sample.steps_of(process, sampler, batch_size, 1000)
        return sets

    for start in ("validation", "noise"):
        small, large = images(100, start), images(500, start)
        assert small.keys() == large.keys()
        for key in small:
            assert small[key].shape == (1000, 1, 28, 28)
            assert len(small[key].flatten(1).unique(dim=0)) == 1000
            difference = small[key].int() - large[key].int()
            assert difference.abs().max() <= 1  # a level, where rounding falls on its edge
            assert (difference != 0).double().mean() < 1e-3
    if kind == "impulse":
        # With start: noise nothing of the image is left, not even a grey level.
        assert set(large["degraded"].unique().tolist()) == {0, 255}


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_samples_do_not_depend_on_the_batch(at_once: int) -> None:
    """Five chunks of two images, worked on `at_once` chunks at a time."""
    process = Gaussian(linear_alpha_bar(1e-3, 0.2, 20))

    def draw(chunks: list[int]) -> Tensor:
        noise = Chunked([2] * len(chunks), [torch.Generator().manual_seed(c) for c in chunks])
        like = torch.empty(2 * len(chunks), 1, 28, 28)
        return sample_ancestral(wave, process, noise.normal(like), noise.normal)

    whole = draw([0, 1, 2, 3, 4])
    parts = [draw(list(range(i, min(i + at_once, 5)))) for i in range(0, 5, at_once)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-6)

"""DDIM and ancestral sampling, against oracles with known answers and against diffusers."""

import math
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from hotcold import DDIM, Ancestral
from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.gaussian.process import Gaussian, linear_alpha_bar
from hotcold.samplers.ancestral import sampler as ancestral
from hotcold.samplers.ddim import sampler as ddim
from hotcold.sampling.bases import subset_of_steps
from hotcold.sampling.predictors import Predict, Watch, clipped, guided, ignore

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

HOT = Gaussian(linear_alpha_bar(1e-4, 0.02, 1000))


def draw(
    sampler: Ancestral | DDIM, predict: Predict, x_T: Tensor, noise: Any, watch: Watch = ignore
) -> Tensor:
    """x_0 of a sampler from x_T. noise: a generator, or the tensors of all steps."""
    if isinstance(noise, torch.Generator):
        noise = ChunkedNoise([len(x_T)], [noise])
    else:
        queue = iter(noise)
        noise = SimpleNamespace(normal=lambda _: next(queue))
    run = (ancestral if isinstance(sampler, Ancestral) else ddim).run
    (x_0,) = run(sampler, predict, HOT, Start(x_T, x_T), noise, watch).values()
    return x_0


def gaussian_oracle(mean: float, variance: float) -> Predict:
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


@pytest.mark.parametrize("t", [1, 500, 1000])
def test_clipped_prediction_implies_an_image_within_the_range_of_pixels(
    t: int, rng: torch.Generator
) -> None:
    """x_0_hat = (x_t - sqrt(1 - a) eps_hat) / sqrt(a), equation 5."""
    x_t = torch.randn(4, 1, 28, 28, generator=rng, dtype=torch.float64)
    wrong = 2 * torch.randn(x_t.shape, generator=rng, dtype=torch.float64)
    a = HOT.alpha_bar[t].item()

    def implied(eps_hat: Tensor) -> Tensor:
        return (x_t - math.sqrt(1 - a) * eps_hat) / math.sqrt(a)

    free, bounded = implied(wrong), implied(clipped(lambda x, t: wrong, HOT)(x_t, t))
    assert free.abs().max() > 0.6
    torch.testing.assert_close(bounded, free.clamp(-0.5, 0.5), rtol=0, atol=1e-9)


def test_clipping_leaves_a_prediction_within_the_range_as_it_is(rng: torch.Generator) -> None:
    x_t = torch.randn(4, 1, 28, 28, generator=rng, dtype=torch.float64)
    for t in (1, 500, 1000):
        eps_hat = two_point_oracle(x_t, t)  # its x_0_hat is a mean of pixels
        bounded = clipped(two_point_oracle, HOT)(x_t, t)
        torch.testing.assert_close(bounded, eps_hat, rtol=0, atol=1e-9)


def test_mean_of_equation_12_is_the_posterior_mean(rng: torch.Generator) -> None:
    """With the true noise of a known x_0 it is the mean of q(x_{t-1} | x_t, x_0) (Ho et al. 2020,
    equation 7)."""
    x_0 = torch.rand(2, 1, 28, 28, generator=rng, dtype=torch.float64) - 0.5
    a, beta = HOT.alpha_bar, HOT.beta
    states = {HOT.T: torch.randn(x_0.shape, generator=rng, dtype=torch.float64)}

    def true_noise(x_t: Tensor, t: int) -> Tensor:
        return (x_t - a[t].sqrt() * x_0) / (1 - a[t]).sqrt()

    zeros = [torch.zeros_like(x_0)] * HOT.T
    keep = lambda key, t, x_t: states.__setitem__(t, x_t)  # noqa: E731
    draw(Ancestral(), true_noise, states[HOT.T], zeros, keep)
    for t in (1000, 999, 500, 2, 1):
        weights = a[t - 1].sqrt() * beta[t], (1 - beta[t]).sqrt() * (1 - a[t - 1])
        expected = (weights[0] * x_0 + weights[1] * states[t]) / (1 - a[t])
        torch.testing.assert_close(states[t - 1], expected)


@pytest.mark.parametrize(
    "sampler", [Ancestral(), DDIM(steps=500), DDIM(steps=500, eta=1.0)], ids=repr
)
def test_samples_of_gaussian_data_have_their_mean_and_variance(
    sampler: Ancestral | DDIM, rng: torch.Generator
) -> None:
    mean, variance = 0.2, 0.09
    x_T = torch.randn(40, 1, 28, 28, generator=rng, dtype=torch.float64)
    x_0 = draw(sampler, gaussian_oracle(mean, variance), x_T, rng)
    n = x_0.numel()
    assert x_0.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(variance / n) + 1e-3)
    # Discretisation adds a little to the statistical error sqrt(2 / n).
    assert x_0.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / n) + 0.02)


def test_samples_of_two_point_data_have_their_distribution(rng: torch.Generator) -> None:
    x_T = torch.randn(20, 1, 28, 28, generator=rng, dtype=torch.float64)
    x_0 = draw(Ancestral(), two_point_oracle, x_T, rng)
    assert (x_0.abs() - 0.5).abs().max().item() < 0.1
    share = (x_0 > 0).double().mean().item()
    assert share == pytest.approx(0.7, abs=5 * math.sqrt(0.21 / x_0.numel()))


def scheduler(kind: type, **options: object) -> Any:
    """A scheduler of diffusers with the schedule of HOT in float64; its step i is t = i + 1."""
    reference = kind(
        num_train_timesteps=HOT.T,
        trained_betas=HOT.beta[1:].numpy(),
        clip_sample=False,
        **options,
    )
    reference.betas, reference.alphas = HOT.beta[1:], 1 - HOT.beta[1:]
    reference.alphas_cumprod = HOT.alpha_bar[1:]
    return reference


def wave(x_t: Tensor, t: int) -> Tensor:
    """A prediction that depends on the state and on t."""
    return torch.sin(3 * x_t + t / 100)


def test_ancestral_agrees_with_diffusers(rng: torch.Generator) -> None:
    reference = scheduler(DDPMScheduler, variance_type="fixed_large")
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    noise = [torch.randn(x_T.shape, generator=rng, dtype=x_T.dtype) for _ in range(HOT.T - 1)]
    samples = draw(Ancestral(), wave, x_T, noise)
    x = x_T
    for t in range(HOT.T, 0, -1):
        mean = previous_mean(reference, x, t)
        std = reference._get_variance(t - 1) ** 0.5
        x = mean + (std * noise[HOT.T - t] if t > 1 else 0)
    torch.testing.assert_close(samples, x, rtol=1e-5, atol=1e-5)


def previous_mean(reference: DDPMScheduler, x: Tensor, t: int) -> Tensor:
    """The mean of a step of diffusers: the noise of the step is drawn again with the same seed, and
    subtracted."""
    g = torch.Generator().manual_seed(t)
    stepped = reference.step(wave(x, t), t - 1, x, generator=g).prev_sample
    if t == 1:
        return stepped
    z = torch.randn(x.shape, generator=torch.Generator().manual_seed(t), dtype=x.dtype)
    return stepped - reference._get_variance(t - 1) ** 0.5 * z


@pytest.mark.parametrize(("steps", "eta"), [(50, 0.0), (25, 0.0), (50, 1.0), (100, 0.5)])
def test_ddim_agrees_with_diffusers(steps: int, eta: float, rng: torch.Generator) -> None:
    reference = scheduler(DDIMScheduler, timestep_spacing="trailing", set_alpha_to_one=True)
    reference.set_timesteps(steps)
    assert [int(t) + 1 for t in reference.timesteps] == subset_of_steps(HOT.T, steps)[:-1]
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    noise = [torch.randn(x_T.shape, generator=rng, dtype=x_T.dtype) for _ in range(steps)]
    samples = draw(DDIM(steps=steps, eta=eta), wave, x_T, noise)
    x = x_T
    for i, t in enumerate(reference.timesteps):
        extra = {"eta": eta, "variance_noise": noise[i]} if eta else {}
        x = reference.step(wave(x, int(t) + 1), t, x, **extra).prev_sample
    torch.testing.assert_close(samples, x, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(("steps", "eta"), [(20, 0.0), (10, 1.0), (2, 1.0), (1, 0.0)])
def test_second_order_agrees_with_diffusers(steps: int, eta: float, rng: torch.Generator) -> None:
    kind = "sde-dpmsolver++" if eta else "dpmsolver++"
    reference = DPMSolverMultistepScheduler(
        trained_betas=HOT.beta[1:].tolist(),
        algorithm_type=kind,
        timestep_spacing="trailing",
        final_sigmas_type="zero",
        euler_at_final=True,
    )
    predict = gaussian_oracle(0.1, 0.3)
    reference.set_timesteps(steps)
    path = [int(t) + 1 for t in reference.timesteps]
    assert path == subset_of_steps(HOT.T, steps)[:-1]
    signal = HOT.alpha_bar[[*path, 0]]  # in float64, with no noise at the end
    reference.sigmas = ((1 - signal) / signal).sqrt()
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    noise = [torch.randn(x_T.shape, generator=rng, dtype=x_T.dtype) for _ in range(steps)]
    samples = draw(DDIM(steps=steps, eta=eta, order=2), predict, x_T, noise)
    x = x_T
    for t, extra in zip(reference.timesteps, noise, strict=True):
        x = reference.step(predict(x, int(t) + 1), t, x, variance_noise=extra).prev_sample
    torch.testing.assert_close(samples, x, rtol=1e-5, atol=1e-4)


def test_guided_ddim_draws_from_the_sharpened_posterior(rng: torch.Generator) -> None:
    """Classes N(-1, 1) and N(1, 1), equally frequent. The score with guidance w is that of
    p(x) p(label | x)^w at t = 0; the images of w = 3 therefore are nearer to sure ones."""
    labels = torch.ones(4000, dtype=torch.long)
    of_class = gaussian_oracle(1.0, 1.0)

    def predict(x_t: Tensor, t: int, label: Tensor | None = None) -> Tensor:
        if label is not None:
            return of_class(x_t, t)
        a = HOT.alpha_bar[t].item()
        x = x_t.double()
        p_of_one = torch.sigmoid(2 * math.sqrt(a) * x)  # of class 1, given x_t: variance 1 at all t
        mixed = p_of_one * of_class(x, t) + (1 - p_of_one) * gaussian_oracle(-1.0, 1.0)(x, t)
        return mixed.to(x_t.dtype)

    x_T = torch.randn(4000, 1, 1, 1, generator=rng)
    means = []
    for guidance in (0.0, 1.0, 3.0):
        sampler = DDIM(steps=100, guidance=guidance)
        model: Any = SimpleNamespace(predict=predict, process=HOT)
        x_0 = draw(sampler, guided(model, sampler, labels), x_T, rng)
        means.append(x_0.mean().item())
    assert means[0] == pytest.approx(0, abs=0.12)  # five standard errors of sqrt(2 / 4000)
    assert means[1] == pytest.approx(1, abs=0.08)
    assert means[2] > means[1] + 0.1

"""DDIM and ancestral sampling, against diffusers."""

import math
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from hotcold import DDIM, Ancestral
from hotcold.models.process import Start
from hotcold.processes.gaussian.process import Gaussian, linear_alpha_bar
from hotcold.samplers.ancestral import sampler as ancestral
from hotcold.samplers.ddim import sampler as ddim
from hotcold.sampling.bases import subset_of_steps
from hotcold.sampling.predictors import clipped

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

HOT = Gaussian(linear_alpha_bar(1e-4, 0.02, 1000))


@pytest.mark.parametrize("t", [1, 500, 1000])
def test_clipped_prediction_implies_an_image_of_valid_pixels(t: int, rng: torch.Generator) -> None:
    """x_0_hat = (x_t - sqrt(1 - a) eps_hat) / sqrt(a), equation 5."""
    x_t = torch.randn(4, 1, 28, 28, generator=rng, dtype=torch.float64)
    wrong = 2 * torch.randn(x_t.shape, generator=rng, dtype=torch.float64)
    a = HOT.alpha_bar[t].item()

    def implied(eps_hat: Tensor) -> Tensor:
        return (x_t - math.sqrt(1 - a) * eps_hat) / math.sqrt(a)

    free, bounded = implied(wrong), implied(clipped(lambda x, t: wrong, HOT)(x_t, t))
    assert free.abs().max() > 0.6
    torch.testing.assert_close(bounded, free.clamp(-0.5, 0.5), rtol=0, atol=1e-9)


def draw(sampler: Ancestral | DDIM, x_T: Tensor, noise: list[Tensor]) -> Tensor:
    """x_0 of a sampler from x_T, with the noise of its steps in turn."""
    queue = iter(noise)
    in_turn: Any = SimpleNamespace(normal=lambda _: next(queue))
    run = (ancestral if isinstance(sampler, Ancestral) else ddim).run
    (x_0,) = run(sampler, predict, HOT, Start(x_T, x_T), in_turn).values()
    return x_0


def scheduler(kind: type, **options: object) -> Any:
    """A scheduler of diffusers with the schedule of HOT in float64; its step i is t = i + 1."""
    reference = kind(
        num_train_timesteps=HOT.T, trained_betas=HOT.beta[1:].numpy(), clip_sample=False, **options
    )
    reference.betas, reference.alphas = HOT.beta[1:], 1 - HOT.beta[1:]
    reference.alphas_cumprod = HOT.alpha_bar[1:]
    return reference


def predict(x_t: Tensor, t: int) -> Tensor:
    """The best eps_hat for pixels of mean 0.1 and variance 0.3: E[x_0 | x_t] is linear."""
    a = HOT.alpha_bar[t].item()
    x_0_hat = 0.1 + math.sqrt(a) * 0.3 * (x_t - math.sqrt(a) * 0.1) / (a * 0.3 + 1 - a)
    return (x_t - math.sqrt(a) * x_0_hat) / math.sqrt(1 - a)


def test_ancestral_agrees_with_diffusers(rng: torch.Generator) -> None:
    reference = scheduler(DDPMScheduler, variance_type="fixed_large")
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    x, noise = x_T, []
    for t in range(HOT.T, 0, -1):
        g = torch.Generator().manual_seed(t)
        noise.append(torch.randn(x.shape, generator=g, dtype=x.dtype))
        x = reference.step(predict(x, t), t - 1, x, generator=g.manual_seed(t)).prev_sample
    torch.testing.assert_close(draw(Ancestral(), x_T, noise), x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("steps", "eta"), [(50, 0.0), (25, 0.0), (50, 1.0), (100, 0.5)])
def test_ddim_agrees_with_diffusers(steps: int, eta: float, rng: torch.Generator) -> None:
    reference = scheduler(DDIMScheduler, timestep_spacing="trailing", set_alpha_to_one=True)
    reference.set_timesteps(steps)
    assert [int(t) + 1 for t in reference.timesteps] == subset_of_steps(HOT.T, steps)[:-1]
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    noise = [torch.randn(x_T.shape, generator=rng, dtype=x_T.dtype) for _ in range(steps)]
    samples = draw(DDIM(steps=steps, eta=eta), x_T, noise)
    x = x_T
    for i, t in enumerate(reference.timesteps):
        extra = {"eta": eta, "variance_noise": noise[i]} if eta else {}
        x = reference.step(predict(x, int(t) + 1), t, x, **extra).prev_sample
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
    reference.set_timesteps(steps)
    path = [int(t) + 1 for t in reference.timesteps]
    assert path == subset_of_steps(HOT.T, steps)[:-1]
    signal = HOT.alpha_bar[[*path, 0]]  # in float64, with no noise at the end
    reference.sigmas = ((1 - signal) / signal).sqrt()
    x_T = torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64)
    noise = [torch.randn(x_T.shape, generator=rng, dtype=x_T.dtype) for _ in range(steps)]
    samples = draw(DDIM(steps=steps, eta=eta, order=2), x_T, noise)
    x = x_T
    for t, extra in zip(reference.timesteps, noise, strict=True):
        x = reference.step(predict(x, int(t) + 1), t, x, variance_noise=extra).prev_sample
    torch.testing.assert_close(samples, x, rtol=1e-5, atol=1e-4)

"""Reverse processes as functions of any predictor.

`predict(x_t, t)` is `DiffusionModel.predict`, or an oracle in a test: t is an int in 1..T.
`watch(t, x_t)` is called with every state from t = T down to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from hotcold.models.degradations import Cold, Dissipation, Gaussian, GreyImpulse, Impulse
from hotcold.numerics.pixels import HIGH, LOW
from hotcold.numerics.rng import Draw
from hotcold.sampling.params import DDIM, Categorical

Predict = Callable[[Tensor, int], Tensor]
Watch = Callable[[int, Tensor], None]


def _ignore(t: int, x_t: Tensor) -> None:
    pass


def clipped(predict: Predict, process: Gaussian) -> Predict:
    """The same prediction of eps_hat, but with x_0_hat, which it implies by equation 5, clipped to
    the range of pixels, as Ho et al. 2020 do in their code: an error of eps_hat near t = T, where
    alpha_bar is small, is a large error of x_0_hat."""
    alpha_bar = process.alpha_bar.tolist()

    def predict_clipped(x_t: Tensor, t: int) -> Tensor:
        signal, noise = alpha_bar[t] ** 0.5, (1 - alpha_bar[t]) ** 0.5
        x_0_hat = ((x_t - noise * predict(x_t, t)) / signal).clamp(LOW, HIGH)
        return (x_t - signal * x_0_hat) / noise

    return predict_clipped


def guided(predict: Callable[..., Tensor], label: Tensor, guidance: float) -> Predict:
    """Classifier-free guidance (Ho and Salimans 2022, equation 6): the prediction without a label
    plus `guidance` times its difference to that with the label, (N,).

    0: the label is not used; 1: no guidance, the prediction with the label; more: images that are
    more typical of it, and less diverse.
    """

    def predict_guided(x_t: Tensor, t: int) -> Tensor:
        if guidance == 1:
            return predict(x_t, t, label)
        without = predict(x_t, t)
        return without.lerp(predict(x_t, t, label), guidance) if guidance else without

    return predict_guided


def sample_ancestral(
    predict: Predict, process: Gaussian, x_T: Tensor, normal: Draw, watch: Watch = _ignore
) -> Tensor:
    """Algorithm 2: the mean of equation 12, plus noise of standard deviation sqrt(beta_t)."""
    alpha_bar, beta = process.alpha_bar.tolist(), process.beta.tolist()
    x = x_T
    watch(process.T, x)
    for t in range(process.T, 0, -1):
        eps_hat = predict(x, t)
        x = (x - beta[t] / (1 - alpha_bar[t]) ** 0.5 * eps_hat) / (1 - beta[t]) ** 0.5
        if t > 1:
            reverse_std = beta[t] ** 0.5
            x = x + reverse_std * normal(x)
        watch(t - 1, x)
    return x


def subset_of_steps(T: int, steps: int) -> list[int]:
    """`steps` step numbers from T down, evenly spaced over 1..T, then 0; consecutive ones differ
    by T // steps or one more. Raises ValueError unless 1 <= steps <= T."""
    if not 1 <= steps <= T:
        raise ValueError(f"steps is {steps}, must be in 1..{T}")
    return [round(T * k / steps) for k in range(steps, -1, -1)]


def sample_ddim(
    predict: Predict,
    process: Gaussian,
    x_T: Tensor,
    normal: Draw,
    sampler: DDIM,
    watch: Watch = _ignore,
) -> Tensor:
    """DDIM (Song et al. 2020, equations 12 and 16) on a subset of the steps.

    eta = 0 is deterministic; eta = 1 is ancestral sampling with the posterior's variance.
    """
    alpha_bar = process.alpha_bar.tolist()
    x, path = x_T, subset_of_steps(process.T, sampler.steps)
    watch(process.T, x)
    for t, s in pairwise(path):
        eps_hat = predict(x, t)
        x_0_hat = (x - (1 - alpha_bar[t]) ** 0.5 * eps_hat) / alpha_bar[t] ** 0.5
        ratio = (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])
        reverse_std = sampler.eta * ratio**0.5
        x = alpha_bar[s] ** 0.5 * x_0_hat + (1 - alpha_bar[s] - reverse_std**2) ** 0.5 * eps_hat
        if reverse_std > 0:
            x = x + reverse_std * normal(x)
        watch(s, x)
    return x


def sample_inverse_dissipation(
    restore: Predict,
    process: Dissipation,
    normal: Draw,
    like: Tensor,
    noise: float,
    watch: Watch = _ignore,
) -> Tensor:
    """x_{s-1} = blur_{s-1}(x_0_hat) + noise * delta * eps, and x_0 = x_0_hat (Rissanen et al. 2023,
    Algorithm 2, whose network predicts blur_{s-1}(x_0) instead).

    like: (N, 1, H, W). It starts from images of one grey each, whose mean brightness is that of
    training images, plus noise.
    """
    x = process.start(normal(like), normal(like))
    watch(process.T, x)
    for s in range(process.T, 0, -1):
        x = process.degrade(restore(x, s), noise * normal(like), s - 1)
        watch(s - 1, x)
    return x


def sample_cold_naive(
    restore: Predict,
    process: Cold,
    x_T: Tensor,
    noise: Tensor,
    uniform: Draw,
    watch: Watch = _ignore,
) -> Tensor:
    """Algorithm 4 (Algorithm 1 of Bansal et al.): restore, then degrade to the next step.

    Impulse noise is drawn anew in each step. The position of a dark spot belongs to the image, so
    other processes keep `noise`, the noise of x_T.
    """
    x = x_T
    watch(process.T, x)
    for s in range(process.T, 0, -1):
        x_0_hat = restore(x, s)
        u = uniform(x) if isinstance(process, Impulse) else noise
        x = process.degrade(x_0_hat, u, s - 1)
        watch(s - 1, x)
    return x


def sample_cold_improved(
    restore: Predict, process: Cold, x_T: Tensor, noise: Tensor, watch: Watch = _ignore
) -> Tensor:
    """Algorithm 2 of Bansal et al.: x_{s-1} = x_s - D(x_0_hat, s) + D(x_0_hat, s - 1).

    noise: that of x_T, used in all steps, so that the masks nest and an error of the restoration
    cancels in every pixel that this step does not reveal.
    """
    x = x_T
    watch(process.T, x)
    for s in range(process.T, 0, -1):
        x_0_hat = restore(x, s)
        x = x - process.degrade(x_0_hat, noise, s) + process.degrade(x_0_hat, noise, s - 1)
        watch(s - 1, x)
    return x


def sample_categorical(
    predict: Predict,
    process: GreyImpulse,
    x_T: Tensor,
    uniform: Draw,
    sampler: Categorical,
    watch: Watch = _ignore,
) -> Tensor:
    """The reverse of impulse noise by draws of grey levels, x_s ~ p(x_s | x_t), on a subset of
    the steps.

    predict gives p(x_0 | x_t), (N, levels, H, W). Consider one pixel, with one noise u, so that
    the masks nest. At s < t it is noisy salt with probability rho_s; it is x_0 at s and noisy salt
    at t with probability rho_t - rho_s; and it is x_0 at both with probability 1 - 2 rho_t. So
    where x_t is neither salt nor pepper, x_t = x_0 = x_s. Where x_t is salt,

        q(x_s | x_t, x_0) = r [x_s = salt] + (1 - r) [x_s = x_0],   r = rho_s / rho_t;

    for x_0 = salt both terms agree, whether the pixel is noisy or not. The same holds for pepper.
    The sum over x_0, weighted by p(x_0 | x_t), as in D3PM (Austin et al. 2021, equation 4), is

        p(x_s | x_t) = r [x_s = x_t] + (1 - r) p(x_0 = x_s | x_t):

    a pixel that may be noisy stays with probability r and is otherwise drawn from the prediction.
    This holds for any s < t. At s = 0, where rho counts as 0, every such pixel is drawn.

    sampler.rate: the probability that a pixel is instead degraded again from its draw of x_0, with
    new noise; it corrects a wrong grey pixel, which no step of the posterior would change. At 1 it
    is Algorithm 4 with a draw instead of the mean. If the prediction is right, a step keeps the
    distribution of x_s of each pixel alone, but not that of several pixels together: the pixels of
    one step are drawn independently of each other, which is nearly right only where few change.
    With a known mask this is the posterior of ReMDM (Wang et al. 2025, equation 6), which masks a
    known pixel again with probability rate * 2 rho_s.
    A rate of churn / steps degrades as few again whatever the number of steps, one of eta does not.
    """
    density = [0.0, *process.density.tolist()[1:]]
    x, path = x_T, subset_of_steps(process.T, sampler.steps)
    watch(process.T, x)
    for t, s in pairwise(path):
        noisy = process.may_be_noise(x)
        level = draw_category(predict(x, t), uniform(x))
        x_0_hat = torch.where(noisy, process.dequantise(level).to(x.dtype), x)
        stays = noisy & (uniform(x) < density[s] / density[t])
        posterior = torch.where(stays, x, x_0_hat)
        if sampler.rate > 0:
            again = process.degrade(x_0_hat, uniform(x), s)
            posterior = torch.where(uniform(x) < sampler.rate, again, posterior)
        x = posterior
        watch(s, x)
    return x


def draw_category(probabilities: Tensor, u: Tensor) -> Tensor:
    """One category for each pixel, (N, 1, H, W) int64, from probabilities (N, C, H, W), by the
    inverse of the cumulative distribution at u, (N, 1, H, W), uniform in [0, 1)."""
    cumulative = probabilities.double().cumsum(1)
    return (cumulative <= u * cumulative[:, -1:]).sum(1, keepdim=True)

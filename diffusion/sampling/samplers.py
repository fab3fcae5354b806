"""Reverse processes as functions of any network.

`predict(x_t, t)` takes the step number t in 1..T as an int: a test can pass an oracle.
`watch(t, x_t)`, where given, sees every state from t = T down to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from diffusion.models.degradations import Cold, Gaussian, GreyImpulse, Impulse, Process
from diffusion.runtime.rng import Draw

Network = Callable[[Tensor, Tensor], Tensor]  # (x_t, t / T) -> what it was trained to say
Predict = Callable[[Tensor, int], Tensor]
Watch = Callable[[int, Tensor], None]


def _ignore(t: int, x_t: Tensor) -> None:
    pass


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


def strided_steps(T: int, steps: int) -> list[int]:
    """`steps` step numbers from T down, evenly spaced over 1..T, then 0; T // steps apart or one
    more. Raises ValueError unless 1 <= steps <= T."""
    if not 1 <= steps <= T:
        raise ValueError(f"steps is {steps}, must be in 1..{T}")
    return [round(T * k / steps) for k in range(steps, -1, -1)]


def sample_strided(
    predict: Predict,
    process: Gaussian,
    x_T: Tensor,
    normal: Draw,
    steps: int,
    eta: float = 0.0,
    watch: Watch = _ignore,
) -> Tensor:
    """DDIM (Song et al. 2020, equations 12 and 16) on a subset of the steps.

    eta = 0 is deterministic; eta = 1 is ancestral sampling with the posterior's variance.
    """
    alpha_bar = process.alpha_bar.tolist()
    x, path = x_T, strided_steps(process.T, steps)
    watch(process.T, x)
    for t, s in pairwise(path):
        eps_hat = predict(x, t)
        x_0_hat = (x - (1 - alpha_bar[t]) ** 0.5 * eps_hat) / alpha_bar[t] ** 0.5
        ratio = (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])
        reverse_std = eta * ratio**0.5
        x = alpha_bar[s] ** 0.5 * x_0_hat + (1 - alpha_bar[s] - reverse_std**2) ** 0.5 * eps_hat
        if reverse_std > 0:
            x = x + reverse_std * normal(x)
        watch(s, x)
    return x


def sample_cold_naive(
    restore: Predict,
    process: Cold,
    x_T: Tensor,
    u: Tensor,
    uniform: Draw,
    watch: Watch = _ignore,
) -> Tensor:
    """Algorithm 4 (Algorithm 1 of Bansal et al.): restore, degrade again.

    Impulse noise is drawn anew in each step. What else is random, where a dark spot lies, belongs
    to the image: u, the field that made x_T, is kept.
    """
    x = x_T
    watch(process.T, x)
    for s in range(process.T, 0, -1):
        x_0_hat = restore(x, s)
        field = uniform(x) if isinstance(process, Impulse) else u
        x = process.degrade(x_0_hat, field, s - 1)
        watch(s - 1, x)
    return x


def sample_cold_improved(
    restore: Predict, process: Cold, x_T: Tensor, u: Tensor, watch: Watch = _ignore
) -> Tensor:
    """Algorithm 2 of Bansal et al.: x_{s-1} = x_s - D(x_0_hat, s) + D(x_0_hat, s - 1).

    u: the field that made x_T, kept for all steps, so that the masks nest and an error of the
    restoration cancels where the pixel is not revealed in this step.
    """
    x = x_T
    watch(process.T, x)
    for s in range(process.T, 0, -1):
        x_0_hat = restore(x, s)
        x = x - process.degrade(x_0_hat, u, s) + process.degrade(x_0_hat, u, s - 1)
        watch(s - 1, x)
    return x


def sample_categorical(
    predict: Predict,
    process: GreyImpulse,
    x_T: Tensor,
    uniform: Draw,
    steps: int,
    eta: float = 0.0,
    watch: Watch = _ignore,
) -> Tensor:
    """Impulse noise undone by draws of grey levels, x_s ~ p(x_s | x_t), on a subset of the steps.

    predict gives p(x_0 | x_t), (N, levels, H, W). Of one pixel, with one field u that makes the
    masks nest: at s < t it is salt by noise with probability rho_s; it is still x_0 at s and
    salt by noise at t with probability rho_t - rho_s; and it is x_0 at both with 1 - 2 rho_t.
    So where x_t is neither salt nor pepper, x_t is x_0 and x_s too. Where x_t is salt,

        q(x_s | x_t, x_0) = r [x_s = salt] + (1 - r) [x_s = x_0],   r = rho_s / rho_t;

    for x_0 = salt both terms say the same, whether the pixel is noise or not. Pepper likewise.
    The sum over x_0, weighted by p(x_0 | x_t), as in D3PM (Austin et al. 2021, equation 4), is

        p(x_s | x_t) = r [x_s = x_t] + (1 - r) p(x_0 = x_s | x_t):

    a pixel that may be noise stays with probability r, and is else drawn from the prediction. It
    holds for any s < t. At s = 0, where rho counts as 0, every pixel that may be noise is drawn.

    eta: the probability that a pixel takes no part in that and is degraded anew from its draw of
    x_0, with a fresh field. The distribution of x_s stays the same, as in DDIM, but a wrong grey
    pixel, which no step of the posterior would touch, can be put right. eta = 1 is Algorithm 4
    with a draw in the place of the mean.
    """
    density = [0.0, *process.density.tolist()[1:]]
    x, path = x_T, strided_steps(process.T, steps)
    watch(process.T, x)
    for t, s in pairwise(path):
        noise = (x == process.low) | (x == process.high)
        x_0_hat = torch.where(noise, process.grey(draw(predict(x, t), uniform(x))).to(x.dtype), x)
        stays = noise & (uniform(x) < density[s] / density[t])
        posterior = torch.where(stays, x, x_0_hat)
        if eta > 0:
            anew = process.degrade(x_0_hat, uniform(x), s)
            posterior = torch.where(uniform(x) < eta, anew, posterior)
        x = posterior
        watch(s, x)
    return x


def draw(probabilities: Tensor, place: Tensor) -> Tensor:
    """One category for each pixel, (N, 1, H, W) int64, from probabilities (N, C, H, W), by the
    inverse of their sums at `place`, (N, 1, H, W), uniform in [0, 1)."""
    cumulative = probabilities.double().cumsum(1)
    return (cumulative <= place * cumulative[:, -1:]).sum(1, keepdim=True)


def predictor(network: Network, T: int) -> Predict:
    """A network of (x_t, t / T) as a function of (x_t, t), its output in the dtype of x_t."""

    def predict(x_t: Tensor, t: int) -> Tensor:
        scaled = torch.full((len(x_t),), t / T, device=x_t.device, dtype=x_t.dtype)
        return network(x_t, scaled).to(x_t.dtype)

    return predict


def answers(network: Network, process: Process, prediction: str) -> Predict:
    """A network as the function of (x_t, t) that the samplers of its process ask: eps_hat of a
    Gaussian one, x_0_hat of a cold one, and of a categorical prediction the probabilities of the
    grey levels of every pixel of x_0, (N, levels, H, W). See diffusion.models.predictions.
    """
    said = predictor(network, process.T)
    if isinstance(process, GreyImpulse):
        return lambda x_t, t: said(x_t, t).softmax(1)
    if prediction == "eps" or not isinstance(process, Gaussian):
        return said
    alpha_bar = process.alpha_bar.tolist()

    def eps_hat(x_t: Tensor, t: int) -> Tensor:
        signal, noise = alpha_bar[t] ** 0.5, (1 - alpha_bar[t]) ** 0.5
        if prediction == "v":
            return signal * said(x_t, t) + noise * x_t
        return (x_t - signal * said(x_t, t)) / noise

    return eps_hat

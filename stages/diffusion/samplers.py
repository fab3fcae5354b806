"""Reverse processes as functions of any network.

`predict(x_t, t)` takes the step number t in 1..T as an int: a test can pass an oracle.
`watch(t, x_t)`, where given, sees every state from t = T down to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from stages.diffusion.degradations import Gaussian, Impulse
from stages.diffusion.randomness import Draw

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
    restore: Predict, process: Impulse, x_T: Tensor, uniform: Draw, watch: Watch = _ignore
) -> Tensor:
    """Algorithm 4 (Algorithm 1 of Bansal et al.): restore, degrade again with a fresh field."""
    x = x_T
    watch(process.T, x)
    for s in range(process.T, 0, -1):
        x_0_hat = restore(x, s)
        x = process.degrade(x_0_hat, uniform(x), s - 1)
        watch(s - 1, x)
    return x


def sample_cold_improved(
    restore: Predict, process: Impulse, x_T: Tensor, u: Tensor, watch: Watch = _ignore
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


def predictor(network: Callable[[Tensor, Tensor], Tensor], T: int) -> Predict:
    """A network of (x_t, t / T) as a function of (x_t, t), its output in the dtype of x_t."""

    def predict(x_t: Tensor, t: int) -> Tensor:
        scaled = torch.full((len(x_t),), t / T, device=x_t.device, dtype=x_t.dtype)
        return network(x_t, scaled).to(x_t.dtype)

    return predict

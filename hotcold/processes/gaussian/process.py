"""Hot diffusion: Gaussian noise, its schedules, and what a network may predict of it.

t counts the steps 1..T, and t = 0 is the clean image; arrays have T + 1 entries in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from hotcold.models.predictions import X0, Prediction
from hotcold.models.process import HotProcess, per_image


def linear_alpha_bar(beta1: float, beta2: float, T: int) -> Tensor:
    """alpha_bar of the linear schedule, section 1.1.2 and equation 4 (where it is called alpha_t).

    The published code spaces beta linearly over t = 0..T and includes beta_0, so its alpha_0 is
    1 - beta1 (figure 1 shows 0.99990). Here alpha_bar[0] = 1, the clean image, and the factor
    1 - beta_0 belongs to the first step: every alpha_bar[t] with t >= 1 is the published one.
    """
    alpha_bar = torch.cumprod(1 - torch.linspace(beta1, beta2, T + 1, dtype=torch.float64), dim=0)
    alpha_bar[0] = 1
    return alpha_bar


def cosine_alpha_bar(T: int, offset: float = 0.008) -> Tensor:
    """alpha_bar of the cosine schedule (Nichol and Dhariwal 2021, equation 17), with beta clipped
    at 0.999. x_T therefore keeps a trace of the image: alpha_bar[T] is about 2e-9 for T = 1000."""
    t = torch.arange(T + 1, dtype=torch.float64)
    alpha_bar = torch.cos((t / T + offset) / (1 + offset) * math.pi / 2) ** 2
    beta = beta_from(alpha_bar / alpha_bar[0]).clamp(max=0.999)
    return torch.cumprod(1 - beta, dim=0)


def beta_from(alpha_bar: Tensor) -> Tensor:
    """beta_t = 1 - alpha_bar_t / alpha_bar_{t-1} (equation 2) with beta_0 = 0; (T + 1,)."""
    beta = torch.zeros_like(alpha_bar)
    beta[1:] = 1 - alpha_bar[1:] / alpha_bar[:-1]
    return beta


class Eps(Prediction):
    """The noise, equation 11; eps_hat, like x_t, is what the samplers of the process use."""

    def target(self, process: Gaussian, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        return noise


class EpsOfX0(X0):
    """The clean image, from which the noise follows by equation 5."""

    def estimate(self, process: Gaussian, output: Tensor, x_t: Tensor, t: int) -> Tensor:
        signal, noise = process.scales(t)
        return (x_t - signal * output) / noise


class V(Prediction):
    """v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x_0 (Salimans and Ho 2022), which has the same
    scale at every t and is informative where x_t is pure noise."""

    def target(self, process: Gaussian, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        signal = per_image(process.sqrt_alpha_bar, t, x_0)
        return signal * noise - per_image(process.sqrt_one_minus_alpha_bar, t, x_0) * x_0

    def estimate(self, process: Gaussian, output: Tensor, x_t: Tensor, t: int) -> Tensor:
        signal, noise = process.scales(t)
        return signal * output + noise * x_t


class Gaussian(HotProcess):
    """Gaussian noise, equations 1-5."""

    predictions: ClassVar = {"eps": Eps(), "x_0": EpsOfX0(), "v": V()}

    @property
    def alpha_bar(self) -> Tensor:
        """The schedule; alpha_bar[0] = 1."""
        return self.schedule

    @property
    def beta(self) -> Tensor:
        """(T + 1,), float64; beta[0] = 0."""
        return beta_from(self.alpha_bar)

    @cached_property
    def sqrt_alpha_bar(self) -> Tensor:
        return self.alpha_bar.sqrt()

    @cached_property
    def sqrt_one_minus_alpha_bar(self) -> Tensor:
        return (1 - self.alpha_bar).sqrt()

    def scales(self, t: int) -> tuple[float, float]:
        """The factors of x_0 and of the noise in equation 5."""
        alpha_bar = float(self.alpha_bar[t])
        return alpha_bar**0.5, (1 - alpha_bar) ** 0.5

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise, equation 5."""
        signal = per_image(self.sqrt_alpha_bar, t, x_0) * x_0
        return signal + per_image(self.sqrt_one_minus_alpha_bar, t, x_0) * noise

    def remainder(self, t: int) -> str:
        alpha_bar = self.alpha_bar[t]
        ratio = 10 * torch.log10(alpha_bar / (1 - alpha_bar))
        return f"alpha_bar {alpha_bar:.3g}, signal-to-noise ratio {ratio:.1f} dB"


def build(block: Mapping[str, Any]) -> Gaussian:
    if block.get("schedule") == "cosine":
        return Gaussian(cosine_alpha_bar(block["T"]))
    beta1, beta2 = block["beta"]
    return Gaussian(linear_alpha_bar(beta1, beta2, block["T"]))

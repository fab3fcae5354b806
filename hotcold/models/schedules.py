"""Noise schedules. t counts the steps 1..T, and t = 0 is the clean image; arrays have T + 1
entries in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor


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


def cosine_density(rho_start: float, rho_end: float, T: int) -> Tensor:
    """Impulse noise density rho_t, equation 17, for t = 0..T: rho_start .. rho_end."""
    t = torch.arange(T + 1, dtype=torch.float64)
    return torch.cos(t / T * math.pi / 2) ** 2 * (rho_start - rho_end) + rho_end

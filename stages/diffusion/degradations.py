"""Forward processes: x_t from (x_0, random field, t). Images are (N, 1, H, W)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from stages.diffusion.schedules import beta_of, cosine_density, linear_alpha_bar


@lru_cache(maxsize=32)
def _placed(values: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """values there, once: copying them anew would make every step wait for the device."""
    return values.to(dtype).to(device)  # in this order: MPS has no float64


def per_image(values: Tensor, t: Tensor | int, like: Tensor) -> Tensor:
    """values[t] as (N, 1, 1, 1), or as a scalar for one t, in the dtype of `like`."""
    if isinstance(t, int):
        return values[t].to(like.dtype)
    return _placed(values, like.dtype, like.device)[t].view(-1, 1, 1, 1)


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Hot diffusion: Gaussian noise blended in, equations 1-5."""

    alpha_bar: Tensor  # (T + 1,), float64; alpha_bar[0] = 1

    @property
    def T(self) -> int:
        return len(self.alpha_bar) - 1

    @property
    def beta(self) -> Tensor:
        """(T + 1,), float64; beta[0] = 0."""
        return beta_of(self.alpha_bar)

    @cached_property
    def signal(self) -> Tensor:
        return self.alpha_bar.sqrt()

    @cached_property
    def noise(self) -> Tensor:
        return (1 - self.alpha_bar).sqrt()

    def field(self, x_0: Tensor, generator: torch.Generator | None) -> Tensor:
        """The noise of one image each: standard normal, of x_0's shape."""
        return torch.randn(x_0.shape, generator=generator, device=x_0.device, dtype=x_0.dtype)

    def degrade(self, x_0: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps, equation 5."""
        return per_image(self.signal, t, x_0) * x_0 + per_image(self.noise, t, x_0) * eps


@dataclass(frozen=True, eq=False)
class Impulse:
    """Cold diffusion: impulse (salt-and-pepper) noise, equation 16."""

    density: Tensor  # rho_t, (T + 1,), float64
    low: float = -0.5
    high: float = 0.5

    @property
    def T(self) -> int:
        return len(self.density) - 1

    @cached_property
    def reach(self) -> Tensor:
        """The density, but below 0 at t = 0, where nothing is replaced."""
        reach = self.density.clone()
        reach[0] = -1
        return reach

    def field(self, x_0: Tensor, generator: torch.Generator | None) -> Tensor:
        """The field r of equation 16, one an image: uniform in [0, 1), of x_0's shape."""
        return torch.rand(x_0.shape, generator=generator, device=x_0.device, dtype=x_0.dtype)

    def degrade(self, x_0: Tensor, u: Tensor, t: Tensor | int) -> Tensor:
        """Salt where u <= rho_t, pepper where u > 1 - rho_t, x_0 elsewhere: equation 16.

        A fraction 2 rho_t of all pixels is replaced. With one field u for an image the masks
        nest over t. t = 0 is the clean image, although equation 17 gives rho_0 = rho_start:
        otherwise the last line of Algorithm 4 would return a noisy image.
        """
        reach = per_image(self.reach, t, x_0)
        return x_0.masked_fill(u <= reach, self.high).masked_fill(u > 1 - reach, self.low)


def build(config: dict) -> Gaussian | Impulse:
    """The process of a `degradation` block of params.yaml (`kind`, `T`, `beta` or `rho`)."""
    if config["kind"] == "gaussian":
        beta1, beta2 = config["beta"]
        return Gaussian(linear_alpha_bar(beta1, beta2, config["T"]))
    if config["kind"] == "impulse":
        rho_start, rho_end = config["rho"]
        return Impulse(cosine_density(rho_start, rho_end, config["T"]))
    raise ValueError(f"degradation.kind is {config['kind']!r}, must be 'gaussian' or 'impulse'")

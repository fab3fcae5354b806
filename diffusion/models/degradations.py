"""Forward processes: x_t from (x_0, random field, t). Images are (N, 1, H, W)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion.models.schedules import beta_of, cosine_alpha_bar, cosine_density, linear_alpha_bar


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


class Uniform:
    """A cold process: what is random in it comes from one uniform field an image."""

    def field(self, x_0: Tensor, generator: torch.Generator | None) -> Tensor:
        """The field r of equation 16, one an image: uniform in [0, 1), of x_0's shape."""
        return torch.rand(x_0.shape, generator=generator, device=x_0.device, dtype=x_0.dtype)


@dataclass(frozen=True, eq=False)
class Impulse(Uniform):
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

    def degrade(self, x_0: Tensor, u: Tensor, t: Tensor | int) -> Tensor:
        """Salt where u <= rho_t, pepper where u > 1 - rho_t, x_0 elsewhere: equation 16.

        A fraction 2 rho_t of all pixels is replaced. With one field u for an image the masks
        nest over t. t = 0 is the clean image, although equation 17 gives rho_0 = rho_start:
        otherwise the last line of Algorithm 4 would return a noisy image.
        """
        reach = per_image(self.reach, t, x_0)
        return x_0.masked_fill(u <= reach, self.high).masked_fill(u > 1 - reach, self.low)


@dataclass(frozen=True, eq=False)
class GreyImpulse(Impulse):
    """Impulse noise on images of few grey levels, of which pepper is the first and salt the last:
    a process of categories, whose reverse draws levels (`samplers.sample_categorical`)."""

    levels: int = 16

    def level(self, x: Tensor) -> Tensor:
        """The nearest grey level of each pixel, 0 (pepper) .. levels - 1 (salt), int64."""
        share = (x - self.low) / (self.high - self.low)
        return (share * (self.levels - 1)).round().long().clamp(0, self.levels - 1)

    def grey(self, level: Tensor) -> Tensor:
        """Pixels in [low, high], float32, from grey levels."""
        return level.float() / (self.levels - 1) * (self.high - self.low) + self.low

    def degrade(self, x_0: Tensor, u: Tensor, t: Tensor | int) -> Tensor:
        """As equation 16, with x_0 rounded to its nearest grey level, also at t = 0."""
        return super().degrade(self.grey(self.level(x_0)).to(x_0.dtype), u, t)


@dataclass(frozen=True, eq=False)
class Blur(Uniform):
    """Gaussian blur of a width that grows evenly (Bansal et al., section 5.1); nothing is random.

    Edges are reflected, so that the mean of an image stays about what it was.
    """

    std: Tensor  # of the kernel in pixels, (T + 1,), float64; std[0] = 0

    @property
    def T(self) -> int:
        return len(self.std) - 1

    def degrade(self, x_0: Tensor, u: Tensor, t: Tensor | int) -> Tensor:
        """Each row and column convolved with a sampled Gaussian that sums to 1; u is not used."""
        radius = min(math.ceil(3 * float(self.std[-1])), x_0.shape[-1] - 1)
        place = torch.arange(-radius, radius + 1, device=x_0.device, dtype=x_0.dtype)
        width = per_image(self.std, t, x_0).clamp(min=1e-3)
        kernel = torch.exp(-0.5 * (place / width) ** 2).expand(len(x_0), 1, 1, -1)
        kernel = kernel / kernel.sum(3, keepdim=True)  # (N, 1, 1, 2 radius + 1)
        x = F.pad(x_0, (radius,) * 4, mode="reflect").transpose(0, 1)  # (1, N, H + ., W + .)
        x = F.conv2d(x, kernel, groups=len(x_0))
        return F.conv2d(x, kernel.transpose(2, 3), groups=len(x_0)).transpose(0, 1)


@dataclass(frozen=True, eq=False)
class Pixelation(Uniform):
    """Larger and larger squares of one grey (Bansal et al., section 5.3); nothing is random."""

    sides: tuple[int, ...]  # of the squares at t = 1..T, in pixels; divisors of the image's

    @property
    def T(self) -> int:
        return len(self.sides)

    def degrade(self, x_0: Tensor, u: Tensor, t: Tensor | int) -> Tensor:
        """Each square has the mean of its pixels; u is not used."""
        t = torch.as_tensor(t, device=x_0.device).view(-1, 1, 1, 1)
        x = x_0
        for step, side in enumerate(self.sides, start=1):
            coarse = F.avg_pool2d(x_0, side).repeat_interleave(side, 2).repeat_interleave(side, 3)
            x = torch.where(t == step, coarse, x)
        return x


@dataclass(frozen=True, eq=False)
class Fading(Uniform):
    """A dark spot spreads from one place (Bansal et al., section 5.2, inpainting).

    At step t a pixel at distance d from the centre keeps the product over i <= t of
    1 - exp(-d^2 / (2 w_i^2)) of its light above black.
    """

    widths: Tensor  # w_t in pixels, (T + 1,), float64; widths[0] is not used
    low: float = -0.5

    @property
    def T(self) -> int:
        return len(self.widths) - 1

    def degrade(self, x_0: Tensor, u: Tensor, t: Tensor | int) -> Tensor:
        """The centre of each image is anywhere, by the first two values of its field u."""
        height, width = x_0.shape[2:]
        centre = u.flatten(1)[:, :2]
        row = torch.arange(height, device=x_0.device, dtype=x_0.dtype)[:, None]
        column = torch.arange(width, device=x_0.device, dtype=x_0.dtype)
        down = row - centre[:, 0].view(-1, 1, 1, 1) * (height - 1)
        across = column - centre[:, 1].view(-1, 1, 1, 1) * (width - 1)
        square = (down**2 + across**2)[..., None]  # (N, 1, H, W, 1)
        widths = self.widths[1:].to(x_0.dtype).to(x_0.device)
        kept = (1 - torch.exp(-square / (2 * widths**2))).cumprod(4)
        kept = torch.cat([torch.ones_like(kept[..., :1]), kept], 4)  # (N, 1, H, W, T + 1)
        steps = torch.as_tensor(t, device=x_0.device).view(-1, 1, 1, 1, 1)
        light = kept.gather(4, steps.expand(*kept.shape[:4], 1))[..., 0]
        return light * (x_0 - self.low) + self.low


Cold = Impulse | Blur | Pixelation | Fading
Process = Gaussian | Cold


def restores(process: Process) -> TypeGuard[Cold]:
    """Whether the samplers of a process need an image to start from."""
    return not isinstance(process, Gaussian | GreyImpulse)


def build(config: dict) -> Process:
    """The process of a `degradation` block of params.yaml, by its `kind`."""
    kind, T = config["kind"], config.get("T", 0)
    if kind == "gaussian":
        if config.get("schedule") == "cosine":
            return Gaussian(cosine_alpha_bar(T))
        beta1, beta2 = config["beta"]
        return Gaussian(linear_alpha_bar(beta1, beta2, T))
    if kind == "impulse":
        rho_start, rho_end = config["rho"]
        density = cosine_density(rho_start, rho_end, T)
        levels = config.get("levels")
        return GreyImpulse(density, levels=levels) if levels else Impulse(density)
    if kind == "blur":
        return Blur(torch.linspace(0, config["std"], T + 1, dtype=torch.float64))
    if kind == "pixelation":
        return Pixelation(tuple(config["sides"]))
    if kind == "fading":
        return Fading(torch.linspace(0, config["width"], T + 1, dtype=torch.float64))
    kinds = "'gaussian', 'impulse', 'blur', 'pixelation' or 'fading'"
    raise ValueError(f"degradation.kind is {kind!r}, must be {kinds}")

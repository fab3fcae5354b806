"""Forward processes: x_t from (x_0, noise, t). Images are (N, 1, H, W) in [-0.5, 0.5]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from hotcold.models.schedules import (
    beta_from,
    cosine_alpha_bar,
    cosine_density,
    linear_alpha_bar,
)
from hotcold.numerics.pixels import HIGH, LOW

QUANTILES = 101  # of the mean brightness


@lru_cache(maxsize=32)
def _on_device(values: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A copy of values, made once: a copy in every step would make it wait for the device."""
    return values.to(dtype).to(device)  # in this order: MPS has no float64


def as_tensor(t: Tensor | int, device: torch.device) -> Tensor:
    """t as a tensor, (N,) or (1,), made on the device: a copy to it would make it wait."""
    return t if isinstance(t, Tensor) else torch.full((1,), t, device=device)


def per_image(values: Tensor, t: Tensor | int, like: Tensor) -> Tensor:
    """values[t] as (N, 1, 1, 1), or as a scalar if t is an int, in the dtype of `like`."""
    if isinstance(t, int):
        return values[t].to(like.dtype)
    return _on_device(values, like.dtype, like.device)[t].view(-1, 1, 1, 1)


def normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise like x, drawn on the generator's device."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
    return noise.to(x.device)


class ForwardProcess:
    """What every process has. channels: of the input of the network."""

    channels: ClassVar[int] = 1

    def network_input(self, x_t: Tensor) -> Tensor:
        """What the network sees of x_t, (N, channels, H, W)."""
        return x_t


@dataclass(frozen=True, eq=False)
class Gaussian(ForwardProcess):
    """Hot diffusion: Gaussian noise, equations 1-5."""

    alpha_bar: Tensor  # (T + 1,), float64; alpha_bar[0] = 1

    @property
    def T(self) -> int:
        return len(self.alpha_bar) - 1

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

    def draw_noise(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal noise of the shape of x_0, drawn on the generator's device."""
        return normal_like(x_0, generator)

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise, equation 5."""
        signal = per_image(self.sqrt_alpha_bar, t, x_0) * x_0
        return signal + per_image(self.sqrt_one_minus_alpha_bar, t, x_0) * noise


class ColdProcess(ForwardProcess):
    """A cold process: its only source of randomness is uniform noise, one array an image."""

    def draw_noise(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """The noise u of equation 16 (there r), uniform in [0, 1), of the shape of x_0, drawn on
        the generator's device."""
        u = torch.rand(x_0.shape, generator=generator, device=generator.device, dtype=x_0.dtype)
        return u.to(x_0.device)


@dataclass(frozen=True, eq=False)
class Impulse(ColdProcess):
    """Cold diffusion: impulse (salt-and-pepper) noise, equation 16."""

    density: Tensor  # rho_t, (T + 1,), float64
    low: float = LOW
    high: float = HIGH

    @property
    def T(self) -> int:
        return len(self.density) - 1

    @cached_property
    def threshold(self) -> Tensor:
        """The density, except for -1 at t = 0, where no pixel is replaced."""
        threshold = self.density.clone()
        threshold[0] = -1
        return threshold

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """Salt where u <= rho_t, pepper where u > 1 - rho_t, x_0 elsewhere: equation 16.

        A fraction 2 rho_t of all pixels is replaced. With the same noise u for all t, the masks
        nest. t = 0 is the clean image although equation 17 gives rho_0 = rho_start: otherwise the
        last line of Algorithm 4 would return a noisy image.
        """
        threshold = per_image(self.threshold, t, x_0)
        salted = x_0.masked_fill(noise <= threshold, self.high)
        return salted.masked_fill(noise > 1 - threshold, self.low)


@dataclass(frozen=True, eq=False)
class GreyImpulse(Impulse):
    """Impulse noise on images with few grey levels; pepper is the first level and salt the last.

    Each pixel has a category, and the reverse process draws categories
    (`samplers.sample_categorical`).
    """

    levels: int = 16

    def may_be_noise(self, x_t: Tensor) -> Tensor:
        """Where a pixel may have been replaced: it is salt or pepper. Bool, as x_t."""
        return (x_t == self.low) | (x_t == self.high)

    def quantise(self, x: Tensor) -> Tensor:
        """The nearest grey level of each pixel, 0 (pepper) .. levels - 1 (salt), int64."""
        share = (x - self.low) / (self.high - self.low)
        return (share * (self.levels - 1)).round().long().clamp(0, self.levels - 1)

    def dequantise(self, level: Tensor) -> Tensor:
        """Pixels in [low, high], float32, from grey levels."""
        return level.float() / (self.levels - 1) * (self.high - self.low) + self.low

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """As equation 16, with x_0 rounded to its nearest grey level, also at t = 0."""
        return super().degrade(self.dequantise(self.quantise(x_0)).to(x_0.dtype), noise, t)


@dataclass(frozen=True, eq=False)
class MaskedImpulse(GreyImpulse):
    """The same noise with a known mask: absorbing diffusion (Austin et al. 2021, appendix A.2.2).

    Salt and pepper are replaced by MASK, a value between the two middle levels, which no pixel of
    an image has if the number of levels is even. The network gets the mask as a second channel.
    """

    MASK: ClassVar[float] = (LOW + HIGH) / 2
    channels: ClassVar[int] = 2

    def may_be_noise(self, x_t: Tensor) -> Tensor:
        """Where a pixel has been replaced."""
        return x_t == self.MASK

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """MASK where equation 16 has salt or pepper as noise, the grey level of x_0 elsewhere."""
        threshold = per_image(self.threshold, t, x_0)
        grey = self.dequantise(self.quantise(x_0)).to(x_0.dtype)
        return grey.masked_fill((noise <= threshold) | (noise > 1 - threshold), self.MASK)

    def network_input(self, x_t: Tensor) -> Tensor:
        """x_t and the mask, 1 where a pixel was replaced: (N, 2, H, W)."""
        return torch.cat([x_t, self.may_be_noise(x_t).to(x_t.dtype)], 1)

    @cached_property
    def bound_weight(self) -> Tensor:
        """T (1 - rho_{t-1} / rho_t), (T + 1,): the weights of -log p(x_0 | x_t) of a replaced pixel
        with which the mean over uniform t is the variational bound (`likelihood.bits`)."""
        rho, weight = self.density.clone(), torch.zeros_like(self.density)
        rho[0] = 0
        weight[1:] = self.T * (1 - rho[:-1] / rho[1:])
        return weight


@dataclass(frozen=True, eq=False)
class Blur(ColdProcess):
    """Gaussian blur whose width rises linearly (Bansal et al., section 5.1); deterministic.

    The edges are reflected, so the mean of an image hardly changes.
    """

    std: Tensor  # of the kernel in pixels, (T + 1,), float64; std[0] = 0

    @property
    def T(self) -> int:
        return len(self.std) - 1

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """Rows and columns convolved with a sampled Gaussian of sum 1; the noise is not used."""
        matrices = blur_matrices(self.std, x_0.shape[-1])
        matrix = _on_device(matrices, x_0.dtype, x_0.device)[as_tensor(t, x_0.device)][:, None]
        with torch.autocast(x_0.device.type, enabled=False):
            return matrix @ x_0 @ matrix.mT


@lru_cache(maxsize=32)
def blur_matrices(std: Tensor, side: int) -> Tensor:
    """Convolutions of `side` pixels, mirrored at both ends, with sampled Gaussians of sum 1 and
    these standard deviations, (n,), as matrices, (n, side, side) float64."""
    radius = min(math.ceil(3 * float(std[-1])), side - 1)
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (offset / std.double().clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True))[:, None]  # (n, 1, 2 radius + 1)
    unit = F.pad(torch.eye(side, dtype=torch.float64)[:, None], (radius, radius), mode="reflect")
    return F.conv1d(unit, kernel).permute(1, 2, 0)  # (pixel of the input, n, pixel of the output)


@dataclass(frozen=True, eq=False)
class Dissipation(ForwardProcess):
    """Blur plus Gaussian noise of constant size, between cold and hot: inverse heat dissipation
    (Rissanen et al. 2023, equations 6 and 7), with `Blur` for the heat equation.

    At T nothing is left of an image but its mean brightness. brightness: quantiles of that of
    training images, (n,), evenly spaced from 0 to 1; none before `with_brightness`.
    """

    blur: Blur
    noise: float  # its standard deviation
    brightness: tuple[float, ...] = ()

    @property
    def T(self) -> int:
        return self.blur.T

    @cached_property
    def noise_std(self) -> Tensor:
        """(T + 1,), float64; 0 at t = 0, the clean image."""
        std = torch.full((self.T + 1,), self.noise, dtype=torch.float64)
        std[0] = 0
        return std

    def draw_noise(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """As that of `Gaussian`."""
        return normal_like(x_0, generator)

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t = blur_t(x_0) + delta noise."""
        return self.blur.degrade(x_0, noise, t) + per_image(self.noise_std, t, x_0) * noise

    def start(self, first: Tensor, second: Tensor) -> Tensor:
        """x_T from two arrays of standard normal noise, (N, 1, H, W): a mean brightness, drawn by
        the first value of each image in `first`, plus noise.

        Raises ValueError if the quantiles of the brightness are not known.
        """
        if not self.brightness:
            raise ValueError("the quantiles of the mean brightness are not known")
        quantiles = torch.tensor(self.brightness, device=first.device, dtype=first.dtype)
        position = torch.special.ndtr(first[:, :1, :1, :1]) * (len(quantiles) - 1)
        below = position.long().clamp(max=len(quantiles) - 2)
        mean = quantiles[below].lerp(quantiles[below + 1], position - below)
        return mean + self.noise * second


def with_brightness(block: dict[str, Any], images: Tensor) -> dict[str, Any]:
    """A `degradation` block with what its process takes from training images, (N, 1, H, W) pixels:
    for `dissipation` the quantiles of their mean brightness, for others nothing."""
    if block["kind"] != "dissipation":
        return block
    shares = torch.linspace(0, 1, QUANTILES, dtype=torch.float64)
    quantiles = images.double().mean((1, 2, 3)).quantile(shares)
    return block | {"brightness": [round(value, 6) for value in quantiles.tolist()]}


@dataclass(frozen=True, eq=False)
class Pixelation(ColdProcess):
    """Squares of one grey that grow with t (Bansal et al., section 5.3); deterministic."""

    sides: tuple[int, ...]  # of the squares at t = 1..T, in pixels; divisors of the image's side

    @property
    def T(self) -> int:
        return len(self.sides)

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """Each square has the mean of its pixels; the noise is not used."""
        t = as_tensor(t, x_0.device).view(-1, 1, 1, 1)
        x = x_0
        for step, side in enumerate(self.sides, start=1):
            coarse = F.avg_pool2d(x_0, side).repeat_interleave(side, 2).repeat_interleave(side, 3)
            x = torch.where(t == step, coarse, x)
        return x


@dataclass(frozen=True, eq=False)
class Fading(ColdProcess):
    """A dark spot that spreads from a random centre (Bansal et al., section 5.2, inpainting).

    At step t a pixel at distance d from the centre keeps the product over i <= t of
    1 - exp(-d^2 / (2 w_i^2)) of its intensity above black.
    """

    widths: Tensor  # w_t in pixels, (T + 1,), float64; widths[0] is not used
    low: float = LOW

    @property
    def T(self) -> int:
        return len(self.widths) - 1

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """The first two values of the noise of an image give the row and column of its centre."""
        height, width = x_0.shape[2:]
        centre = noise.flatten(1)[:, :2]
        row = torch.arange(height, device=x_0.device, dtype=x_0.dtype)[:, None]
        column = torch.arange(width, device=x_0.device, dtype=x_0.dtype)
        dy = row - centre[:, 0].view(-1, 1, 1, 1) * (height - 1)
        dx = column - centre[:, 1].view(-1, 1, 1, 1) * (width - 1)
        square = (dy**2 + dx**2)[..., None]  # (N, 1, H, W, 1)
        widths = _on_device(self.widths, x_0.dtype, x_0.device)[1:]
        kept = (1 - torch.exp(-square / (2 * widths**2))).cumprod(4)
        kept = torch.cat([torch.ones_like(kept[..., :1]), kept], 4)  # (N, 1, H, W, T + 1)
        steps = as_tensor(t, x_0.device).view(-1, 1, 1, 1, 1)
        intensity = kept.gather(4, steps.expand(*kept.shape[:4], 1))[..., 0]
        return intensity * (x_0 - self.low) + self.low


Cold = Impulse | Blur | Pixelation | Fading
Process = Gaussian | Cold | Dissipation


def restores(process: Process) -> TypeGuard[Cold]:
    """Whether the reverse process starts from a degraded image, not from noise alone."""
    return not isinstance(process, Gaussian | GreyImpulse | Dissipation)


def build(block: dict[str, Any]) -> Process:
    """The process of a `degradation` block of params.yaml.

    Raises ValueError for an unknown kind.
    """
    kind, T = block["kind"], block.get("T", 0)
    if kind == "gaussian":
        if block.get("schedule") == "cosine":
            return Gaussian(cosine_alpha_bar(T))
        beta1, beta2 = block["beta"]
        return Gaussian(linear_alpha_bar(beta1, beta2, T))
    if kind == "impulse":
        rho_start, rho_end = block["rho"]
        density = cosine_density(rho_start, rho_end, T)
        levels = block.get("levels")
        if not levels:
            return Impulse(density)
        return (MaskedImpulse if block.get("known_mask") else GreyImpulse)(density, levels=levels)
    if kind == "blur":
        return Blur(torch.linspace(0, block["std"], T + 1, dtype=torch.float64))
    if kind == "dissipation":
        first, last = map(math.log, block["std"])
        std = torch.linspace(first, last, T, dtype=torch.float64).exp()
        blur = Blur(torch.cat([std.new_zeros(1), std]))
        return Dissipation(blur, block["noise"], tuple(block.get("brightness", ())))
    if kind == "pixelation":
        return Pixelation(tuple(block["sides"]))
    if kind == "fading":
        return Fading(torch.linspace(0, block["width"], T + 1, dtype=torch.float64))
    kinds = "'gaussian', 'impulse', 'blur', 'pixelation', 'fading' or 'dissipation'"
    raise ValueError(f"degradation.kind is {kind!r}, must be {kinds}")

"""Cold diffusion: impulse (salt-and-pepper) noise, also on grey levels and with a known mask."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hotcold.models.predictions import Prediction
from hotcold.models.process import ColdProcess, Start, per_image
from hotcold.numerics.pixels import HIGH, LOW
from hotcold.numerics.rng import ChunkedNoise

NEAR = 0.05  # of the range of pixels: an estimate that counts as black or white


def cosine_density(rho_start: float, rho_end: float, T: int) -> Tensor:
    """Impulse noise density rho_t, equation 17, for t = 0..T: rho_start .. rho_end."""
    t = torch.arange(T + 1, dtype=torch.float64)
    return torch.cos(t / T * math.pi / 2) ** 2 * (rho_start - rho_end) + rho_end


class Impulse(ColdProcess):
    """Impulse noise, equation 16."""

    renews_noise: ClassVar = True

    @property
    def density(self) -> Tensor:
        """rho_t, the schedule."""
        return self.schedule

    @cached_property
    def threshold(self) -> Tensor:
        """The density, except for -1 at t = 0, where no pixel is replaced."""
        return torch.cat([self.density.new_tensor([-1]), self.density[1:]])

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """Salt where u <= rho_t, pepper where u > 1 - rho_t, x_0 elsewhere: equation 16.

        A fraction 2 rho_t of all pixels is replaced. With the same noise u for all t, the masks
        nest. t = 0 is the clean image although equation 17 gives rho_0 = rho_start: otherwise the
        last line of Algorithm 4 would return a noisy image.
        """
        threshold = per_image(self.threshold, t, x_0)
        salted = x_0.masked_fill(noise <= threshold, HIGH)
        return salted.masked_fill(noise > 1 - threshold, LOW)

    def start(self, originals: Tensor, noise: ChunkedNoise, alone: bool = False) -> Start:
        """x_T is the degraded original, or salt and pepper alone, in every pixel."""
        if not alone:
            return super().start(originals, noise)
        u, replaced = noise.uniform(originals), 2 * float(self.density[self.T])
        behind = torch.where(u < 0.5, replaced * u, 1 - replaced * (1 - u))
        return Start(torch.where(u < 0.5, HIGH, LOW).to(originals), behind)

    def noise_behind(self, x_T: Tensor, x_0_hat: Tensor, noise: Tensor) -> Tensor:
        """u of equation 16, drawn from its posterior given x_T and that x_0 is x_0_hat by `noise`,
        uniform in [0, 1).

        A black pixel of x_T that is black in x_0_hat, up to NEAR, is pepper with probability
        rho_T / (1 - rho_T), and every other black pixel is; so for white pixels and salt.
        """
        density = float(self.density[self.T])
        share = density / (1 - density)

        def u(same: Tensor) -> Tensor:
            image = (noise - share) / max(1 - share, 1e-6) * (1 - 2 * density)
            either = torch.where(noise < share, noise * (1 - density), density + image)
            return torch.where(same, either, noise * density)

        salt, pepper = x_T >= HIGH, x_T <= LOW
        white, black = x_0_hat >= HIGH - NEAR, x_0_hat <= LOW + NEAR
        untouched = density + noise * (1 - 2 * density)
        return torch.where(salt, u(white), torch.where(pepper, 1 - u(black), untouched))

    def is_clean(self, x_T: Tensor) -> bool:
        """Whether fewer pixels than in noise are white while their four neighbours are not: their
        share is rho (1 - rho)^4 in noise of density rho, and nearly 0 in a digit."""
        density = float(self.density[self.T])
        salt = (x_T >= HIGH).float()
        cross = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]], device=x_T.device)
        neighbours = F.conv2d(salt, cross[None, None], padding=1)
        lone = float((salt * (neighbours == 0)).mean())
        return lone < density * (1 - density) ** 4 / 4

    def remainder(self, t: int) -> str:
        density = self.density[t]
        return f"density {density:.4f}: {1 - 2 * density:.1%} of the pixels are untouched"


class Categorical(Prediction):
    """For each pixel of x_0, one logit for each grey level."""

    def target(self, process: GreyImpulse, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The grey levels, (N, H, W) int64."""
        return process.quantise(x_0)[:, 0]

    def estimate(self, process: GreyImpulse, output: Tensor, x_t: Tensor, t: int) -> Tensor:
        """The probabilities of the grey levels, p(x_0 | x_t), (N, levels, H, W)."""
        return output.softmax(1)

    def loss(
        self, process: GreyImpulse, output: Tensor, target: Tensor, x_t: Tensor, t: Tensor
    ) -> Tensor:
        """The cross-entropy in nats a pixel."""
        return F.cross_entropy(output, target)


class OfReplaced(Categorical):
    """The same, with a loss of the replaced pixels alone."""

    def loss(self, process: Any, output: Tensor, target: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The mean cross-entropy of the pixels that may be replaced with the weights of the
        variational bound, which it estimates where the mask is known."""
        weight = per_image(process.bound_weight, t, x_t) * process.may_be_noise(x_t)
        return (weight[:, 0] * F.cross_entropy(output, target, reduction="none")).mean()


class GreyImpulse(Impulse):
    """Impulse noise on images with few grey levels; pepper is the first level and salt the last.

    Each pixel has a category, and the reverse process draws categories (the sampler `categorical`).
    """

    predictions: ClassVar = {"categorical": Categorical()}

    def __init__(self, density: Tensor, levels: int) -> None:
        super().__init__(density)
        self.levels = levels

    def may_be_noise(self, x_t: Tensor) -> Tensor:
        """Where a pixel may have been replaced: it is salt or pepper. Bool, as x_t."""
        return (x_t == LOW) | (x_t == HIGH)

    def quantise(self, x: Tensor) -> Tensor:
        """The nearest grey level of each pixel, 0 (pepper) .. levels - 1 (salt), int64."""
        share = (x - LOW) / (HIGH - LOW)
        return (share * (self.levels - 1)).round().long().clamp(0, self.levels - 1)

    def dequantise(self, level: Tensor) -> Tensor:
        """Pixels in [low, high], float32, from grey levels."""
        return level.float() / (self.levels - 1) * (HIGH - LOW) + LOW

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """As equation 16, with x_0 rounded to its nearest grey level, also at t = 0."""
        return super().degrade(self.dequantise(self.quantise(x_0)).to(x_0.dtype), noise, t)

    @cached_property
    def bound_weight(self) -> Tensor:
        """T (1 - rho_{t-1} / rho_t), (T + 1,): the weights of -log p(x_0 | x_t) of a replaced pixel
        with which the mean over uniform t is the variational bound (`likelihood.bits`)."""
        rho = F.pad(self.density[1:], (1, 0))  # 0 at t = 0
        return F.pad(self.T * (1 - rho[:-1] / rho[1:]), (1, 0))


class BoundedImpulse(GreyImpulse):
    """The same process with the loss of a known mask."""

    predictions: ClassVar = {"categorical": OfReplaced()}


class MaskedImpulse(GreyImpulse):
    """The same noise with a known mask: absorbing diffusion (Austin et al. 2021, appendix A.2.2).

    Salt and pepper are replaced by MASK, a value between the two middle levels, which no pixel of
    an image has if the number of levels is even. The network gets the mask as a second channel.
    """

    MASK: ClassVar[float] = (LOW + HIGH) / 2
    predictions: ClassVar = {"categorical": OfReplaced()}
    channels: ClassVar = 2

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


def build(block: Mapping[str, Any]) -> Impulse:
    rho_start, rho_end = block["rho"]
    density = cosine_density(rho_start, rho_end, block["T"])
    levels = block.get("levels")
    if not levels:
        return Impulse(density)
    if block.get("known_mask"):
        return MaskedImpulse(density, levels)
    return (BoundedImpulse if block.get("bound_weights") else GreyImpulse)(density, levels)

"""Between cold and hot: blur plus Gaussian noise of constant size."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hotcold.models.process import HotProcess, Start, blurred, per_image
from hotcold.numerics.rng import ChunkedNoise

BATCH = 1000  # images that are blurred at once
QUANTILES = 101  # how many of the mean brightness are kept


class Dissipation(HotProcess):
    """Inverse heat dissipation (Rissanen et al. 2023, equations 6 and 7) with a Gaussian blur for
    the heat equation. noise: their sigma, that of training; their delta, that of a reverse step,
    is set by the sampler.

    At T nothing is left of an image but its brightness. brightness: quantiles of that of blurred
    training images, (n,), evenly spaced from 0 to 1; none before `fitted`. It is not that of the
    images themselves, because the reflected blur counts pixels at the edge less than others.
    """

    def __init__(self, std: Tensor, noise: float, brightness: Sequence[float] = ()) -> None:
        """std: of the blur in pixels, (T + 1,), float64; std[0] = 0."""
        super().__init__(std)
        self.noise, self.brightness = noise, brightness
        self.noise_std = noise * (std > 0).double()  # 0 at t = 0, the clean image

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t = blur_t(x_0) + sigma * noise, without noise at t = 0."""
        return blurred(x_0, self.schedule, t) + per_image(self.noise_std, t, x_0) * noise

    def start(self, originals: Tensor, noise: ChunkedNoise, alone: bool = False) -> Start:
        """x_T is an image of one grey, whose brightness the first value of an array of noise
        draws from that of blurred training images, plus a second array of noise.

        Raises ValueError if the quantiles of the brightness are not known.
        """
        if not self.brightness:
            raise ValueError("the quantiles of the mean brightness are not known")
        first, second = noise.normal(originals), noise.normal(originals)
        quantiles = torch.tensor(self.brightness, device=first.device, dtype=first.dtype)
        position = torch.special.ndtr(first[:, :1, :1, :1]) * (len(quantiles) - 1)
        below = position.long().clamp(max=len(quantiles) - 2)
        mean = quantiles[below].lerp(quantiles[below + 1], position - below)
        return Start(mean + self.noise * second, second)

    def remainder(self, t: int) -> str:
        blur = f"blurred with a standard deviation of {self.schedule[t]:.2f} pixels"
        return f"{blur}, noise of {self.noise:g}"

    @classmethod
    def fitted(cls, block: dict[str, Any], images: Tensor) -> dict[str, Any]:
        """The block with the quantiles of the mean brightness of training images at step T."""
        process, shares = build(block), torch.linspace(0, 1, QUANTILES, dtype=torch.float64)
        means = [
            blurred(x, process.schedule, process.T).mean((1, 2, 3)) for x in images.split(BATCH)
        ]
        quantiles = torch.cat(means).double().quantile(shares)
        return block | {"brightness": [round(value, 6) for value in quantiles.tolist()]}


def build(block: Mapping[str, Any]) -> Dissipation:
    first, last = map(math.log, block["std"])
    std = torch.linspace(first, last, block["T"], dtype=torch.float64).exp()
    std = torch.cat([std.new_zeros(1), std])
    return Dissipation(std, block["noise"], block.get("brightness", ()))

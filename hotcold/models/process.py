"""What every forward process has: x_t from (x_0, noise, t). Images are (N, 1, H, W) in [-0.5, 0.5].

The processes themselves are in `hotcold.processes`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hotcold.models import kinds
from hotcold.models.predictions import X0, Prediction
from hotcold.numerics.rng import ChunkedNoise


@lru_cache(maxsize=32)
def on_device(values: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A copy of values, made once: a copy in every step would make it wait for the device."""
    return values.to(dtype).to(device)  # in this order: MPS has no float64


def as_tensor(t: Tensor | int, device: torch.device) -> Tensor:
    """t as a tensor, (N,) or (1,), made on the device: a copy to it would make it wait."""
    return t if isinstance(t, Tensor) else torch.full((1,), t, device=device)


def per_image(values: Tensor, t: Tensor | int, like: Tensor) -> Tensor:
    """values[t] as (N, 1, 1, 1), or as a scalar if t is an int, in the dtype of `like`."""
    if isinstance(t, int):
        return values[t].to(like.dtype)
    return on_device(values, like.dtype, like.device)[t].view(-1, 1, 1, 1)


def draw_like(draw: Callable[..., Tensor], x: Tensor, generator: torch.Generator) -> Tensor:
    """Random numbers like x by torch.randn or torch.rand, drawn on the generator's device."""
    return draw(x.shape, generator=generator, device=generator.device, dtype=x.dtype).to(x.device)


class Start(NamedTuple):
    """Where a sampler starts: x_T, and the noise that made it, both (N, 1, H, W)."""

    x_T: Tensor
    noise: Tensor


class Process(ABC):
    """A forward process of T steps.

    schedule: what changes with t, (T + 1,) float64; t = 0 is the clean image. predictions: what a
    network may predict, as in the block of params.yaml. channels: of the input of the network.
    levels: grey levels of an image, each of which is a category; 0 if it has no categories.
    renews_noise: whether the noise of a step is independent of that of the steps before; else it
    belongs to the image. validation: the name of the stream of noise of the validation loss.
    """

    predictions: ClassVar[Mapping[str, Prediction]] = {"x_0": X0()}
    channels: ClassVar[int] = 1
    levels: int = 0
    renews_noise: ClassVar[bool] = False

    def __init__(self, schedule: Tensor) -> None:
        self.schedule = schedule

    @property
    def T(self) -> int:
        return len(self.schedule) - 1

    @property
    def kind(self) -> str:
        """The name of its folder."""
        return type(self).__module__.split(".")[-2]

    @property
    def validation(self) -> str:
        return type(self).__name__

    @abstractmethod
    def draw_noise(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """The noise of `degrade`, of the shape of x_0, drawn on the generator's device."""

    @abstractmethod
    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t, like x_0; t: (N,), or one number for all images, in 0..T."""

    @abstractmethod
    def start(self, originals: Tensor, noise: ChunkedNoise, alone: bool = False) -> Start:
        """x_T of the reverse process. originals: images, which a cold process degrades, and of
        which others take the shape alone. alone: start from noise alone; see
        `ProcessParams.starts_from_noise`."""

    @abstractmethod
    def remainder(self, t: int) -> str:
        """How much of an image is left at step t, in words."""

    def network_input(self, x_t: Tensor) -> Tensor:
        """What the network sees of x_t, (N, channels, H, W)."""
        return x_t

    def noise_behind(self, x_T: Tensor, x_0_hat: Tensor, noise: Tensor) -> Tensor:
        """Noise that degrades an image to the picture x_T, if the process can tell by x_0_hat, the
        estimate of the image; else `noise`, which is any."""
        return noise

    def is_clean(self, x_T: Tensor) -> bool:
        """Whether a picture, (1, 1, H, W), is certainly no degraded image; False if unknown."""
        return False

    @classmethod
    def fitted(cls, block: dict[str, Any], images: Tensor) -> dict[str, Any]:
        """A `degradation` block with what the process takes from training images, (N, 1, H, W)
        pixels: nothing by default."""
        return block


class HotProcess(Process):
    """A process whose noise is standard normal."""

    def draw_noise(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        return draw_like(torch.randn, x_0, generator)

    def start(self, originals: Tensor, noise: ChunkedNoise, alone: bool = False) -> Start:
        """x_T is noise."""
        x_T = noise.normal(originals)
        return Start(x_T, x_T)


class ColdProcess(Process):
    """A process whose only source of randomness is uniform noise, one array an image."""

    def draw_noise(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """The noise u of equation 16 (there r), uniform in [0, 1)."""
        return draw_like(torch.rand, x_0, generator)

    def start(self, originals: Tensor, noise: ChunkedNoise, alone: bool = False) -> Start:
        """x_T is the degraded original."""
        u = noise.uniform(originals)
        return Start(self.degrade(originals, u, self.T), u)


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


def blurred(x: Tensor, std: Tensor, t: Tensor | int) -> Tensor:
    """Rows and columns of images convolved with a sampled Gaussian of sum 1 and the standard
    deviation std[t] in pixels. The edges are reflected, so the mean of an image hardly changes."""
    matrices = blur_matrices(std, x.shape[-1])
    matrix = on_device(matrices, x.dtype, x.device)[as_tensor(t, x.device)][:, None]
    with torch.autocast(x.device.type, enabled=False):
        return matrix @ x @ matrix.mT


def build(block: Mapping[str, Any]) -> Process:
    """The process of a `degradation` block. Raises ValueError for an unknown kind."""
    return kinds.behaviour("processes", block["kind"], "build")(block)

"""Two feature spaces that no labels have shaped, as a check on the features of the classifier.

A score in features of a classifier rewards legible digits (Kynkäänniemi et al. 2023). The
principal components of pixels see each stroke where it is, and a random network (Naeem et al. 2020)
sees texture. Images are (N, 1, 28, 28) uint8.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from hotcold.metrics.frechet import Frechet
from hotcold.numerics.rng import generator

COMPONENTS = 64
CHANNELS, SIDE = (32, 64), 5  # of the random network's two convolutions


def reference(images: Tensor) -> dict[str, Tensor]:
    """What `distances` needs of real images: the principal components of their pixels, (784, 64),
    and the mean and covariance of their features in both spaces; float64."""
    pixels = _flat(images)
    variances, directions = torch.linalg.eigh(torch.cov(pixels.T))
    components = directions[:, variances.argsort(descending=True)[:COMPONENTS]]
    found = {"components": components.contiguous()}
    for space, features in _features(images, components).items():
        found |= {f"{space}_mean": features.mean(0), f"{space}_cov": torch.cov(features.T)}
    return found


def distances(
    real: dict[str, Tensor], images: Tensor, resamples: int, g: torch.Generator
) -> dict[str, tuple[float, float]]:
    """`pixel_fd` and `random_fd`: the Fréchet distance in each space in percent of the variance of
    the real features, and half of its 95 % interval, as in `frechet`. real: of `reference`."""
    found = {}
    for space, features in _features(images, real["components"]).items():
        frechet = Frechet(real[f"{space}_mean"], real[f"{space}_cov"])
        unit = 100 / frechet.cov.trace().item()
        half = frechet.half_width(features, resamples, g)
        found[f"{space}_fd"] = (unit * frechet(features), unit * half)
    return found


def _flat(images: Tensor) -> Tensor:
    return images.flatten(1).double() / 255


def _features(images: Tensor, components: Tensor) -> dict[str, Tensor]:
    """By space: (N, 64), float64."""
    return {"pixel": _flat(images) @ components, "random": _random_features(images).double()}


@torch.inference_mode()
def _random_features(images: Tensor) -> Tensor:
    """The mean over positions of the last maps of a network with random weights, (N, 64): two
    convolutions of stride 2, each with ReLU, whose weights keep the variance (He et al. 2015)."""
    x, g = images.cpu().float() / 255 - 0.5, generator("cpu", 0, "random network")
    for inputs, outputs in zip((1, *CHANNELS), CHANNELS, strict=False):
        weight = torch.randn(outputs, inputs, SIDE, SIDE, generator=g)
        x = F.conv2d(x, weight * (2 / (inputs * SIDE**2)) ** 0.5, stride=2).relu()
    return x.mean((2, 3))

"""Scores of generated images: features -> statistics -> score. Outputs of networks are arguments.

Features are (N, D) float32. torchmetrics, which takes seconds to import, is imported where it is
used, so that a stage can refuse its input first.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import diffusion.runtime.torchvision_ops  # noqa: F401  (before torchmetrics)

if TYPE_CHECKING:
    from torchmetrics import Metric


class _Identity(nn.Module):
    """Replaces the feature network of a torchmetrics metric: its input are the features."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def inception_score(logits: Tensor, splits: int, seed: int) -> tuple[float, float]:
    """IS, equation 14 (Salimans et al. 2016): mean and standard deviation over the splits.

    The softmax over logits, (N, C), is p(y|x). The seed assigns images to splits at random.
    A single split has no deviation: 0.
    """
    from torchmetrics.image.inception import InceptionScore

    metric = _quiet(InceptionScore, feature=_Identity(logits.shape[1]), splits=splits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        metric.update(logits.double())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*degrees of freedom.*")
            scores = metric.compute()
    return scores[0].item(), scores[1].nan_to_num().item()


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """FID, equation 15 (Heusel et al. 2017), by torchmetrics. Biased upwards at small N."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Identity(real.shape[1]))
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return metric.compute().item()


def kernel_distance(real: Tensor, generated: Tensor, seed: int) -> tuple[float, float]:
    """KID (Binkowski et al. 2018), cubic kernel: mean and deviation over 100 random subsets.

    A subset has half of the images of the smaller set, at most 500. Unbiased, unlike FID.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(500, len(real) // 2, len(generated) // 2)
    metric = _quiet(
        KernelInceptionDistance, feature=_Identity(real.shape[1]), subsets=100, subset_size=size
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        metric.update(real, real=True)
        metric.update(generated, real=False)
        mean, std = metric.compute()
    return mean.item(), std.item()


def _quiet(metric: type[Metric], **arguments: object) -> Metric:
    """A torchmetrics metric, without its warning that it keeps all features in memory."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*will save all extracted features.*")
        return metric(**arguments)


def manifold_scores(real: Tensor, generated: Tensor, k: int) -> dict[str, float]:
    """precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

    The manifold of a set is the union of balls around its points, with the k-th neighbour on
    their surface. Use sets of equal size. Raises ValueError unless both have more than k points.
    """
    if k >= min(len(real), len(generated)):
        raise ValueError(f"k is {k}, must be below the number of images, {len(real)}")
    radius_real = torch.cdist(real, real).kthvalue(k + 1, dim=1).values  # the 1st is itself
    radius_generated = torch.cdist(generated, generated).kthvalue(k + 1, dim=1).values
    distance = torch.cdist(real, generated)  # (real, generated)
    inside_real = distance <= radius_real[:, None]
    inside_generated = distance <= radius_generated[None, :]
    return {
        "precision": inside_real.any(0).double().mean().item(),
        "recall": inside_generated.any(1).double().mean().item(),
        "density": inside_real.double().sum(0).mean().item() / k,
        "coverage": inside_real.any(1).double().mean().item(),
    }


def total_variation(classes: Tensor, frequencies: Tensor) -> float:
    """Half the L1 distance between predicted classes, (N,), and real frequencies, (10,)."""
    shares = torch.bincount(classes, minlength=len(frequencies)).double() / len(classes)
    return (shares - frequencies).abs().sum().item() / 2


def nearest(images: Tensor, others: Tensor, block: int = 4000) -> tuple[Tensor, Tensor]:
    """For each uint8 image the Euclidean distance, over pixels in [0, 1], to its nearest image
    among the others, and the index of that image; both (N,)."""
    flat = images.flatten(1).float() / 255
    minima = [
        torch.cdist(flat, part.flatten(1).float() / 255).min(1) for part in others.split(block)
    ]
    distance, number = torch.stack([m.values for m in minima]).min(0)
    index = torch.stack([m.indices for m in minima]).gather(0, number[None])[0] + number * block
    return distance, index

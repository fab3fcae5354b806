"""Scores of a set of images: features -> statistics -> score. Networks' outputs are arguments.

Features are (N, D) float32; images are (N, 1, H, W) uint8. torchmetrics takes seconds to import,
and is imported where it is used: a stage can refuse its input before.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import diffusion.runtime.torchvision_ops  # noqa: F401  (before torchmetrics)

# isort: split
import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from torchmetrics import Metric


class _Given(nn.Module):
    """Stands where torchmetrics expects a network: the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def inception_score(logits: Tensor, splits: int, seed: int) -> tuple[float, float]:
    """Equation 14 (Salimans et al. 2016): mean and standard deviation over the splits.

    The softmax over logits, (N, C), is p(y|x). Images are put into splits at random, by seed.
    One split has no deviation: 0.
    """
    from torchmetrics.image.inception import InceptionScore

    metric = _quiet(InceptionScore, feature=_Given(logits.shape[1]), splits=splits)
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

    metric = FrechetInceptionDistance(feature=_Given(real.shape[1]))
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return metric.compute().item()


def frechet_to(real: Tensor) -> Callable[[Tensor], float]:
    """The same distance from one real set, as a function of generated features: for resampling.

    tr (A B)^(1/2) is the sum of the square roots of the eigenvalues of A^(1/2) B A^(1/2), a
    symmetric problem, which is some 10 times faster.
    """
    mean, cov = real.double().mean(0), torch.cov(real.double().T)
    values, vectors = torch.linalg.eigh(cov)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T

    def distance(generated: Tensor) -> float:
        generated = generated.double()
        generated_cov = torch.cov(generated.T)
        eigenvalues = torch.linalg.eigvalsh(root @ generated_cov @ root).clamp(min=0)
        trace = cov.trace() + generated_cov.trace() - 2 * eigenvalues.sqrt().sum()
        return ((mean - generated.mean(0)).square().sum() + trace).item()

    return distance


def kernel_distance(real: Tensor, generated: Tensor, seed: int) -> tuple[float, float]:
    """KID (Binkowski et al. 2018), cubic kernel: mean and std over 100 random subsets.

    A subset has half of the smaller set's images, at most 500. Unbiased, unlike FID.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(500, len(real) // 2, len(generated) // 2)
    metric = _quiet(
        KernelInceptionDistance, feature=_Given(real.shape[1]), subsets=100, subset_size=size
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        metric.update(real, real=True)
        metric.update(generated, real=False)
        mean, std = metric.compute()
    return mean.item(), std.item()


def kernel_to(real: Tensor, generated: Tensor) -> Callable[[Tensor], float]:
    """The squared MMD of KID over all pairs, as a function of indices into generated, less the
    term of the real set alone, which resampling the generated one does not change.

    Pairs of an image with itself are left out however often an index is repeated, so that
    resampling does not bias it.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a.double() @ b.double().T / a.shape[1] + 1) ** 3

    inner = kernel(generated, generated)
    inner.fill_diagonal_(0)
    across = kernel(generated, real).mean(1)

    def distance(indices: Tensor) -> float:
        weight = torch.bincount(indices, minlength=len(generated)).double()
        pairs = weight.sum() ** 2 - weight.square().sum()
        return (weight @ inner @ weight / pairs - 2 * (weight @ across) / weight.sum()).item()

    return distance


def _quiet(metric: type[Metric], **arguments: object) -> Metric:
    """A torchmetrics metric, without its warning that it keeps all features in memory."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*will save all extracted features.*")
        return metric(**arguments)


def manifold_scores(real: Tensor, generated: Tensor, k: int) -> dict[str, float]:
    """precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

    Each set's manifold is the union of balls around its points, out to the k-th neighbour.
    Use sets of equal size. Raises ValueError unless both have more than k points.
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
    """For each image the Euclidean distance in pixels of [0, 1] to its nearest among others,
    and that one's index; both (N,)."""
    flat = images.flatten(1).float() / 255
    found = [
        torch.cdist(flat, part.flatten(1).float() / 255).min(1) for part in others.split(block)
    ]
    distance, which = torch.stack([f.values for f in found]).min(0)
    index = torch.stack([f.indices for f in found]).gather(0, which[None])[0] + which * block
    return distance, index


def psnr(images: Tensor, originals: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, the mean over images; uint8, peak 255."""
    error = (images.double() - originals.double()).square().flatten(1).mean(1)
    return (10 * torch.log10(255**2 / error.clamp(min=1e-3))).mean().item()


def rmse(images: Tensor, originals: Tensor) -> float:
    """Root mean squared error over all pixels in [0, 1], the mean over images; uint8."""
    error = (images.double() - originals.double()) / 255
    return error.square().flatten(1).mean(1).sqrt().mean().item()


def ssim(images: Tensor, originals: Tensor) -> float:
    """Structural similarity (Wang et al. 2004), the mean over images, by torchmetrics."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    value = structural_similarity_index_measure(
        images.double() / 255, originals.double() / 255, data_range=1.0
    )
    return value.item()


def median_filter(images: Tensor) -> Tensor:
    """The 3x3 median of uint8 images, edges replicated: the classic answer to impulse noise."""
    padded = F.pad(images.float(), (1, 1, 1, 1), mode="replicate")
    return F.unfold(padded, 3).median(1).values.view(images.shape).to(torch.uint8)


def bootstrap(
    score: Callable[[Tensor], float], count: int, resamples: int, generator: torch.Generator
) -> tuple[float, float]:
    """Half-widths (below, above) of a 95 % interval around a score of `count` images.

    score takes indices, drawn from 0..count-1 with replacement. The quantiles are taken about
    the resamples' own mean: repeating images by itself raises FID, which is no uncertainty.
    """
    values = torch.tensor(
        [score(torch.randint(count, (count,), generator=generator)) for _ in range(resamples)],
        dtype=torch.float64,
    )
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = (values - values.mean()).quantile(ends)
    return -low.item(), high.item()

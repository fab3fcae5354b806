"""FID (equation 15, Heusel et al. 2017): the distance between Gaussians fitted to features."""

from __future__ import annotations

from functools import cached_property
from statistics import linear_regression

import torch
from torch import Tensor

from hotcold.metrics.intervals import half_width

PARTS = 5  # the smallest sets of the extrapolation have a fifth of the images
RANK = 1e-10  # eigenvalues below this share of the largest count as 0


class Frechet:
    """FID from one set of real images: the squared distance of the means plus
    tr (A + B - 2 (A B)^(1/2)) of the covariances.

    tr (A B)^(1/2) is the sum of the square roots of the eigenvalues of A^(1/2) B A^(1/2), which is
    symmetric. With B = Y^T Y, where Y has a row for each of N images, these are also the
    eigenvalues of Y A Y^T, which is smaller if N < D. Features are (N, D) with N > 1, of any
    floating point type; all is computed in float64.
    """

    def __init__(self, mean: Tensor, cov: Tensor) -> None:
        """mean, (D,), and covariance, (D, D), of the features of the real images."""
        self.mean, self.cov = mean, cov

    @classmethod
    def to(cls, real: Tensor) -> Frechet:
        """The distance to features of real images, (N, D)."""
        return cls(*_statistics(real))

    @cached_property
    def root(self) -> Tensor:
        """A^(1/2), (D, D)."""
        values, vectors = torch.linalg.eigh(self.cov)
        return (vectors * values.clamp(min=0).sqrt()) @ vectors.T

    def __call__(self, generated: Tensor, weights: Tensor | None = None) -> float:
        """FID of generated features, (N, D), with weights of the images, (N,), or equal ones.
        Biased upwards at small N."""
        mean, cov = _statistics(generated, weights)
        count, dimensions = generated.shape
        if count < dimensions and weights is None:
            rows = (generated.double() - mean) / (count - 1) ** 0.5
            matrix = rows @ self.cov @ rows.T
        else:
            matrix = self.root @ cov @ self.root
        eigenvalues = torch.linalg.eigvalsh(matrix).clamp(min=0)
        trace = self.cov.trace() + cov.trace() - 2 * eigenvalues.sqrt().sum()
        return ((mean - self.mean).square().sum() + trace).item()

    def influence(self, generated: Tensor) -> Tensor:
        """The derivative of FID by the share of each image, (N,), whose mean is 0.

        The derivative of tr (A B)^(1/2) by B is A^(1/2) M^(-1/2) A^(1/2) / 2, with
        M = A^(1/2) B A^(1/2).
        """
        mean, cov = _statistics(generated)
        values, vectors = torch.linalg.eigh(self.root @ cov @ self.root)
        kept = values > RANK * values[-1]
        deviation = generated.double() - mean
        projected = deviation @ self.root @ vectors[:, kept]
        by_mean = 2 * deviation @ (mean - self.mean)
        by_cov = deviation.square().sum(1) - (projected.square() / values[kept].sqrt()).sum(1)
        return by_mean + by_cov - by_cov.mean()

    def half_width(self, generated: Tensor, resamples: int, g: torch.Generator) -> float:
        """Half of a 95 % interval of FID, see `hotcold.metrics.intervals`.

        The mean square of the influences is A + 2 B. B is the variance over bootstrap resamples
        of what the influences leave of FID.
        """
        score, influence, count = self(generated), self.influence(generated), len(generated)
        left = []
        for _ in range(resamples):
            index = torch.randint(count, (count,), generator=g)
            left.append(self(generated[index]) - score - influence[index].mean().item())
        second_order = torch.tensor(left, dtype=torch.float64).var().item()
        jackknife = influence.square().sum().item() / count**2
        return half_width(jackknife - second_order, second_order)

    def difference(
        self, a: Tensor, b: Tensor, resamples: int, g: torch.Generator
    ) -> tuple[float, float]:
        """FID of a less that of b, features (N, D) of paired images, such as restorations of the
        same originals, and half of its 95 % interval over bootstrap resamples of the pairs."""
        found = []
        for _ in range(resamples):
            index = torch.randint(len(a), (len(a),), generator=g)
            found.append(self(a[index]) - self(b[index]))
        variance = torch.tensor(found, dtype=torch.float64).var().item()
        return self(a) - self(b), half_width(variance)

    def infinite(self, generated: Tensor, repeats: int, g: torch.Generator) -> float:
        """FID extrapolated to infinitely many images (Chong and Forsyth 2020).

        Its bias is linear in 1 / N. The images are divided at random, `repeats` times, into 1 to
        PARTS sets; the intercept of a line through the mean FIDs over the number of sets is
        returned. N should exceed PARTS times D. The extrapolation hardly adds variance, so its
        interval is as long as that of FID.
        """
        count = len(generated)
        parts = range(1, min(PARTS, count // 2) + 1)
        means = [0.0 for _ in parts]
        for _ in range(repeats):
            shuffled = generated[torch.randperm(count, generator=g)]
            for k, part in enumerate(parts):
                found = [self(subset) for subset in shuffled.tensor_split(part)]
                means[k] += sum(found) / part / repeats
        return linear_regression(parts, means).intercept


def _statistics(features: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean, (D,), and unbiased covariance, (D, D), in float64."""
    features = features.double()
    mean = features.mean(0) if weights is None else weights @ features / weights.sum()
    return mean, torch.cov(features.T, aweights=weights)

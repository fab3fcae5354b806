"""Bootstrap intervals, and scores in a form that is fast for thousands of resamples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def bootstrap(
    score: Callable[[Tensor], float], count: int, resamples: int, generator: torch.Generator
) -> tuple[float, float]:
    """Half-widths (below, above) of a 95 % interval around a score of `count` images.

    score takes indices, drawn from 0..count-1 with replacement. The quantiles are taken about
    the mean of the resamples: repeated images raise FID, which is bias and not uncertainty.
    """
    values = torch.tensor(
        [score(torch.randint(count, (count,), generator=generator)) for _ in range(resamples)],
        dtype=torch.float64,
    )
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = (values - values.mean()).quantile(ends)
    return -low.item(), high.item()


def frechet_to(real: Tensor) -> Callable[[Tensor], float]:
    """`generation.frechet_distance` from one real set, as a function of generated features.

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


def kernel_to(real: Tensor, generated: Tensor) -> Callable[[Tensor], float]:
    """The squared MMD of KID over all pairs, as a function of indices into generated, without
    the term of the real set alone, which is constant under resampling.

    Pairs of an image with itself are left out even if an index is repeated, so that resampling
    adds no bias.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a.double() @ b.double().T / a.shape[1] + 1) ** 3

    inner = kernel(generated, generated)
    inner.fill_diagonal_(0)
    cross = kernel(generated, real).mean(1)

    def distance(indices: Tensor) -> float:
        weight = torch.bincount(indices, minlength=len(generated)).double()
        pairs = weight.sum() ** 2 - weight.square().sum()
        return (weight @ inner @ weight / pairs - 2 * (weight @ cross) / weight.sum()).item()

    return distance

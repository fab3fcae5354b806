"""The scores of the summary of the report, from their definitions, in NumPy and SciPy alone.

Written for comparison only (`tools.checks.recompute`): nothing here is shared with
`hotcold.metrics`. Where a score is a mean over random permutations or resamples, these are
arguments. Features are (N, D), logits (N, C), both float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.spatial.distance
import scipy.special
import scipy.stats

Z = scipy.stats.norm.ppf(0.975)
PARTS = 5  # sizes of the sample in the extrapolation to infinite N
SMALLEST = 0.6  # of the variance of second order, the least that a variance can be
INK = 64
COMPONENTS = 64


def inception(logits: np.ndarray, splits: int, orders: Sequence[np.ndarray]) -> tuple[float, float]:
    """IS and half of its interval; orders: permutations of the images."""
    p = scipy.special.softmax(logits, 1)

    def entropies(q: np.ndarray) -> np.ndarray:
        return scipy.special.rel_entr(q, q.mean(0)).sum(1)

    means = [
        np.mean([np.exp(entropies(p[part]).mean()) for part in np.array_split(order, splits)])
        for order in orders
    ]
    variance = np.mean(means) ** 2 * entropies(p).var(ddof=1) / len(p)
    variance += np.var(means, ddof=1) / len(means)
    return float(np.mean(means)), float(Z * variance**0.5)


def frechet(real: np.ndarray, generated: np.ndarray, weights: np.ndarray | None = None) -> float:
    """FID, by the eigenvalues of the product of the covariances."""
    a, b = np.cov(real.T), np.cov(generated.T, aweights=weights)
    roots = np.sqrt(scipy.linalg.eigvals(a @ b).astype(complex)).real
    shift = real.mean(0) - np.average(generated, 0, weights)
    return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * roots.sum())


def frechet_half_width(
    real: np.ndarray, generated: np.ndarray, resamples: Sequence[np.ndarray]
) -> float:
    """Half of the interval of FID: the variance of first order from the derivative of
    tr (A B)^(1/2), which is (A B)^(-1/2) A / 2, that of second order from the rest of resamples."""
    a, b = np.cov(real.T), np.cov(generated.T)
    values, vectors = scipy.linalg.eig(a @ b)
    kept = values.real > 1e-10 * values.real.max()
    power = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1)), 0)
    slope = (vectors * power @ scipy.linalg.inv(vectors) @ a).real
    x = generated - generated.mean(0)
    quadratic = (x**2).sum(1) - np.einsum("ni,ij,nj->n", x, slope, x)
    influence = 2 * x @ (generated.mean(0) - real.mean(0)) + quadratic - quadratic.mean()
    score = frechet(real, generated)
    rest = [frechet(real, generated[i]) - score - influence[i].mean() for i in resamples]
    second = np.var(rest, ddof=1)
    variance = max((influence**2).sum() / len(x) ** 2 - second, SMALLEST * second)
    return float(Z * variance**0.5)


def frechet_infinite(
    real: np.ndarray, generated: np.ndarray, orders: Sequence[np.ndarray]
) -> float:
    """The intercept of FID over 1 / N, for the images in 1 to PARTS sets of each permutation."""
    counts = range(1, PARTS + 1)
    values = [
        np.mean(
            [
                np.mean([frechet(real, generated[part]) for part in np.array_split(order, count)])
                for order in orders
            ]
        )
        for count in counts
    ]
    return float(np.polynomial.Polynomial.fit(counts, values, 1).convert().coef[0])


def kernel(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """KID as the U-statistic over all pairs, and half of its interval."""

    def k(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    m, n = len(real), len(generated)
    blocks = np.array_split(np.arange(m), max(1, m // 500))
    within = sum(k(real[i], real).sum() - np.trace(k(real[i], real[i])) for i in blocks)
    cross = k(generated, real).mean(1)
    h = k(generated, generated) - cross[:, None] - cross[None] + within / (m * (m - 1))
    np.fill_diagonal(h, 0)
    square = h @ h
    two, three = n * (n - 1), n * (n - 1) * (n - 2)
    mean = h.sum() / two
    product = (h.sum() ** 2 - 4 * square.sum() + 2 * np.trace(square)) / (three * (n - 3))
    first = (square.sum() - np.trace(square)) / three - product
    second = 2 / two * (np.trace(square) / two - product)
    variance = max(4 * (n - 2) / two * first + second, SMALLEST * second)
    return float(mean), float(Z * variance**0.5)


def manifolds(
    real: np.ndarray, generated: np.ndarray, k: int, orders: Iterable[np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Precision, recall, density and coverage, each with its deviation over subsets of the real
    images; orders: of the real images, whose first ones are a subset."""
    found = []
    for order in orders:
        subset = real[order[: len(generated)]]
        distance = scipy.spatial.distance.cdist(subset, generated)
        radius = np.sort(scipy.spatial.distance.cdist(subset, subset))[:, k]
        other = np.sort(scipy.spatial.distance.cdist(generated, generated))[:, k]
        inside = distance <= radius[:, None]
        found.append(
            {
                "precision": inside.any(0).mean(),
                "recall": (distance <= other).any(1).mean(),
                "density": inside.sum() / (k * len(generated)),
                "coverage": inside.any(1).mean(),
            }
        )
    columns = {name: [each[name] for each in found] for name in found[0]}
    return {name: (float(np.mean(c)), float(np.std(c, ddof=1))) for name, c in columns.items()}


def pixels(images: np.ndarray) -> tuple[float, float]:
    """The share of zeros, and components an image; images: (N, H, W) uint8."""
    counts = [scipy.ndimage.label(x >= INK, np.ones((3, 3)))[1] for x in images]
    return float((images == 0).mean()), float(np.mean(counts))


def untrained(
    real: np.ndarray, weights: Sequence[np.ndarray]
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """By space, the features of images, (N, H, W) uint8 -> (N, 64), that no labels have shaped: by
    the singular vectors of the pixels of real images, and by a network with these random weights,
    (outputs, inputs, 5, 5) each."""
    x = real.reshape(len(real), -1) / 255
    directions = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:COMPONENTS]

    def random(images: np.ndarray) -> np.ndarray:
        maps = images[:, None] / 255 - 0.5
        for weight in weights:
            windows = np.lib.stride_tricks.sliding_window_view(maps, (5, 5), (2, 3))[:, :, ::2, ::2]
            maps = np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True)
            maps = np.maximum(maps * (2 / weight[0].size) ** 0.5, 0)
        return maps.mean((2, 3))

    return {"pixel": lambda images: images.reshape(len(images), -1) / 255 @ directions.T} | {
        "random": random
    }


def class_distance(logits: np.ndarray, frequencies: np.ndarray) -> float:
    """Half the L1 distance of the predicted shares from real frequencies, (10,)."""
    shares = np.histogram(logits.argmax(1), np.arange(11))[0] / len(logits)
    return float(np.abs(shares - frequencies).sum() / 2)


def balanced(
    real: np.ndarray, features: np.ndarray, logits: np.ndarray, frequencies: np.ndarray
) -> float:
    """FID with the images weighted so that the predicted digits have real frequencies."""
    digits = logits.argmax(1)
    counts = np.bincount(digits, minlength=10)
    return frechet(real, features, frequencies[digits] * len(digits) / counts[digits])


def nearest_distance(images: np.ndarray, others: np.ndarray) -> float:
    """The mean distance to the nearest of the others; both (N, H, W) uint8, pixels in [0, 1]."""
    a, b = (x.reshape(len(x), -1).astype(np.float32) / 255 for x in (images, others))
    square = np.full(len(a), np.inf)
    for part in np.array_split(b, max(1, len(b) // 4000)):
        found = (a**2).sum(1)[:, None] - 2 * a @ part.T + (part**2).sum(1)
        square = np.minimum(square, found.min(1))
    return float(np.sqrt(np.maximum(square, 0)).mean())

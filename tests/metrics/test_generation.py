"""Scores of generated images against closed forms and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from hotcold.metrics import generation
from hotcold.metrics.frechet import Frechet
from hotcold.metrics.kernel import BLOCK, Kernel


@pytest.mark.parametrize("splits", [1, 5])
def test_inception_score_agrees_with_its_formula(splits: int, rng: torch.Generator) -> None:
    """Mean and deviation over the splits, of three random orders."""
    logits = torch.randn(60, 10, generator=rng) * 3
    state, found = rng.get_state(), []
    mean, std, _ = generation.inception_score(logits, splits, 3, rng)
    rng.set_state(state)
    for _ in range(3):
        order = torch.randperm(60, generator=rng)
        parts = np.array_split(logits.double().softmax(1)[order].numpy(), splits)
        found.append([np.exp((p * np.log(p / p.mean(0))).sum(1).mean()) for p in parts])
    assert mean == pytest.approx(np.mean(found), rel=1e-9)
    deviations = np.std(found, axis=1, ddof=1) if splits > 1 else 0
    assert std == pytest.approx(np.mean(deviations), rel=1e-9)


def test_inception_score_of_perfect_digits(rng: torch.Generator) -> None:
    """One-hot predictions in equal shares score 10, and less in small splits."""
    logits = 100 * torch.eye(10).repeat(100, 1)
    assert generation.inception_score(logits, 1, 1, rng)[0] == pytest.approx(10)
    mean, std, _ = generation.inception_score(logits, splits=10, permutations=3, g=rng)
    assert 9.3 < mean < 9.7
    assert std > 0


def scipy_frechet(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.double().numpy(), b.double().numpy()
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    difference = a.mean(0) - b.mean(0)
    return difference @ difference + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)


def test_frechet_distance_agrees_with_scipy(rng: torch.Generator) -> None:
    real = torch.randn(500, 16, generator=rng) @ torch.randn(16, 16, generator=rng)
    generated = torch.rand(300, 16, generator=rng) * 3
    assert Frechet(real)(generated) == pytest.approx(scipy_frechet(real, generated), rel=1e-9)


def test_fewer_images_than_features_have_a_distance_and_an_interval(rng: torch.Generator) -> None:
    real, generated = torch.randn(300, 64, generator=rng), torch.randn(20, 64, generator=rng)
    frechet = Frechet(real)
    assert frechet(generated) == pytest.approx(scipy_frechet(real, generated), rel=1e-6)
    assert frechet(generated) > 10  # the bias at small N
    assert 0 < frechet.half_width(generated, 20, rng) < frechet(generated)


def numpy_mmd(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.double().numpy(), b.double().numpy()

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    m, n = len(a), len(b)
    return (
        (kernel(a, a).sum() - np.trace(kernel(a, a))) / (m * (m - 1))
        + (kernel(b, b).sum() - np.trace(kernel(b, b))) / (n * (n - 1))
        - 2 * kernel(a, b).mean()
    )


@pytest.mark.parametrize("count", [60, BLOCK + 1])
def test_kernel_distance_agrees_with_numpy(count: int, rng: torch.Generator) -> None:
    real, generated = torch.randn(80, 6, generator=rng), torch.randn(count, 6, generator=rng) + 0.5
    assert Kernel(real)(generated)[0] == pytest.approx(numpy_mmd(real, generated), rel=1e-9)


def brute_force_manifolds(real: np.ndarray, generated: np.ndarray, k: int) -> dict[str, float]:
    def radii(points: np.ndarray) -> np.ndarray:
        return np.array([sorted(np.linalg.norm(points - p, axis=1))[k] for p in points])

    distance = np.array([[np.linalg.norm(r - g) for g in generated] for r in real])
    inside, reverse = distance <= radii(real)[:, None], distance <= radii(generated)
    return {
        "precision": inside.any(0).mean(),
        "recall": reverse.any(1).mean(),
        "density": inside.sum() / (k * len(generated)),
        "coverage": inside.any(1).mean(),
    }


def test_manifold_scores_agree_with_brute_force(rng: torch.Generator) -> None:
    real = torch.randn(25, 3, generator=rng, dtype=torch.float64)
    generated = torch.randn(25, 3, generator=rng, dtype=torch.float64) * 0.7 + 0.3
    expected = brute_force_manifolds(real.numpy(), generated.numpy(), k=3)
    found = generation.manifold_scores(real, generated, 3, 1, rng)
    assert found == pytest.approx(expected | {f"{name}_std": 0 for name in expected})


@pytest.mark.parametrize("larger", ["real", "generated"])
def test_manifold_scores_are_means_over_random_subsets_of_the_larger_set(
    larger: str, rng: torch.Generator
) -> None:
    few = torch.randn(40, 3, generator=rng)
    near, far = torch.randn(40, 3, generator=rng), torch.randn(40, 3, generator=rng) + 50
    many = torch.cat([near, far])  # half of a subset is far away
    real, generated = (many, few) if larger == "real" else (few, many)
    scores = generation.manifold_scores(real, generated, 3, 30, rng)
    share = scores["coverage" if larger == "real" else "precision"]
    assert 0.3 < share < 0.6
    assert scores["density_std"] > 0
    assert (
        scores["precision"] != generation.manifold_scores(real, generated, 3, 1, rng)["precision"]
    )


def test_manifold_scores_need_more_points_than_neighbours(rng: torch.Generator) -> None:
    with pytest.raises(ValueError, match="k is 5, must be below the number of images, 5"):
        generation.manifold_scores(torch.zeros(5, 2), torch.zeros(9, 2), 5, 1, rng)


def test_total_variation_of_equal_and_of_opposite_shares() -> None:
    frequencies = torch.full((10,), 0.1, dtype=torch.float64)
    assert generation.total_variation(torch.arange(10), frequencies) == pytest.approx(0)
    assert generation.total_variation(
        torch.zeros(7, dtype=torch.long), frequencies
    ) == pytest.approx(0.9)


def test_nearest_finds_a_copy_across_blocks(rng: torch.Generator) -> None:
    others = torch.randint(0, 256, (90, 1, 28, 28), generator=rng, dtype=torch.uint8)
    wanted = torch.tensor([3, 41, 89])
    shifted = others[wanted].clone()
    shifted[:, 0, :3] = 255 - shifted[:, 0, :3]
    distance, index = generation.nearest_images(shifted, others, block=40)
    assert index.tolist() == wanted.tolist()
    expected = ((shifted - 0.0) / 255 - others[wanted] / 255).square().sum((1, 2, 3)).sqrt()
    torch.testing.assert_close(distance, expected, rtol=1e-4, atol=0)

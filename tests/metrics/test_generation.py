"""Scores of generated images against closed forms and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from diffusion.metrics import generation
from diffusion.metrics.bootstrap import frechet_to, kernel_to


def test_inception_score_agrees_with_its_formula(rng: torch.Generator) -> None:
    logits = torch.randn(60, 10, generator=rng) * 3
    p = torch.softmax(logits.double(), 1).numpy()
    expected = np.exp((p * np.log(p / p.mean(0))).sum(1).mean())
    mean, std = generation.inception_score(logits, splits=1, seed=0)
    assert mean == pytest.approx(expected, rel=1e-9)
    assert std == 0


def test_inception_score_of_perfect_digits() -> None:
    """One-hot predictions in equal shares score 10, and less in small splits."""
    logits = 100 * torch.eye(10).repeat(100, 1)
    assert generation.inception_score(logits, splits=1, seed=0)[0] == pytest.approx(10)
    mean, std = generation.inception_score(logits, splits=10, seed=0)
    assert 9.3 < mean < 9.7
    assert std > 0


def test_inception_score_depends_on_its_seed_and_not_on_the_global_generator(
    rng: torch.Generator,
) -> None:
    logits = torch.randn(50, 10, generator=rng)
    before = torch.get_rng_state()
    assert generation.inception_score(logits, 5, seed=3) == generation.inception_score(
        logits, 5, seed=3
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert generation.inception_score(logits, 5, seed=3) != generation.inception_score(
        logits, 5, seed=4
    )


def scipy_frechet(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.double().numpy(), b.double().numpy()
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    difference = a.mean(0) - b.mean(0)
    return difference @ difference + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)


def test_frechet_distance_agrees_with_scipy(rng: torch.Generator) -> None:
    real = torch.randn(500, 16, generator=rng) @ torch.randn(16, 16, generator=rng)
    generated = torch.rand(300, 16, generator=rng) * 3
    expected = scipy_frechet(real, generated)
    assert generation.frechet_distance(real, generated) == pytest.approx(expected, rel=1e-6)
    assert frechet_to(real)(generated) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_equal_covariances_is_the_squared_distance_of_means(
    rng: torch.Generator,
) -> None:
    real = torch.randn(400, 8, generator=rng)
    offset = torch.arange(8.0)
    expected = offset.square().sum().item()
    assert generation.frechet_distance(real, real + offset) == pytest.approx(expected, rel=1e-5)
    assert frechet_to(real)(real + offset) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_of_fewer_images_than_features(rng: torch.Generator) -> None:
    real, generated = torch.randn(300, 64, generator=rng), torch.randn(20, 64, generator=rng)
    both = generation.frechet_distance(real, generated), frechet_to(real)(generated)
    assert both[0] == pytest.approx(both[1], rel=1e-4)
    assert both[0] > 10  # the bias at small N


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


def test_kernel_distance_agrees_with_numpy(rng: torch.Generator) -> None:
    real, generated = torch.randn(80, 6, generator=rng), torch.randn(60, 6, generator=rng) + 0.5
    mean, std = generation.kernel_distance(real, generated, seed=0)
    # Subsets of 30 of 60 images: an average of 100 has a tenth of their spread.
    assert mean == pytest.approx(numpy_mmd(real, generated), abs=4 * std / 10)
    assert std > 0


def test_kernel_to_differs_from_the_distance_by_a_constant(rng: torch.Generator) -> None:
    real = torch.randn(50, 6, generator=rng)
    generated = torch.randn(40, 6, generator=rng) * 1.5
    score = kernel_to(real, generated)
    first, second = torch.arange(0, 20), torch.arange(20, 40)
    expected = numpy_mmd(real, generated[first]) - numpy_mmd(real, generated[second])
    assert score(first) - score(second) == pytest.approx(expected, rel=1e-9)


def test_repeated_image_is_not_a_pair_with_itself(rng: torch.Generator) -> None:
    real, generated = torch.randn(50, 6, generator=rng), torch.randn(40, 6, generator=rng)
    score = kernel_to(real, generated)
    once = torch.arange(40)
    assert score(once.repeat(2)) == pytest.approx(score(once), rel=1e-9)


def brute_force_manifolds(real: np.ndarray, generated: np.ndarray, k: int) -> dict[str, float]:
    def radius(points: np.ndarray, i: int) -> float:
        return sorted(np.linalg.norm(points[i] - other) for other in points)[k]

    inside = np.array(
        [[np.linalg.norm(r - g) <= radius(real, i) for g in generated] for i, r in enumerate(real)]
    )
    reverse = np.array(
        [
            [np.linalg.norm(r - g) <= radius(generated, j) for j, g in enumerate(generated)]
            for r in real
        ]
    )
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
    assert generation.manifold_scores(real, generated, 3) == pytest.approx(expected)


def test_manifold_scores_of_two_sets_of_one_distribution(rng: torch.Generator) -> None:
    """In expectation density is 1 and coverage 1 - (1/2)^k (Naeem et al. 2020)."""
    a, b = torch.randn(1000, 8, generator=rng), torch.randn(1000, 8, generator=rng)
    scores = generation.manifold_scores(a, b, 5)
    assert scores["density"] == pytest.approx(1, abs=0.1)
    assert scores["coverage"] == pytest.approx(1 - 0.5**5, abs=0.03)


def test_manifold_scores_need_more_points_than_neighbours() -> None:
    with pytest.raises(ValueError, match="k is 5, must be below the number of images, 5"):
        generation.manifold_scores(torch.zeros(5, 2), torch.zeros(9, 2), 5)


def test_total_variation_of_equal_and_of_opposite_shares() -> None:
    frequencies = torch.full((10,), 0.1, dtype=torch.float64)
    assert generation.total_variation(torch.arange(10), frequencies) == pytest.approx(0)
    assert generation.total_variation(
        torch.zeros(7, dtype=torch.long), frequencies
    ) == pytest.approx(0.9)


def test_nearest_finds_a_copy_across_blocks(rng: torch.Generator) -> None:
    others = torch.randint(0, 256, (90, 1, 28, 28), generator=rng, dtype=torch.uint8)
    wanted = torch.tensor([3, 41, 89])
    distance, index = generation.nearest(others[wanted], others, block=40)
    assert index.tolist() == wanted.tolist()
    assert distance.max().item() < 0.05
    shifted = others[wanted].clone()
    shifted[:, 0, 0, 0] = 255 - shifted[:, 0, 0, 0]
    far, _ = generation.nearest(shifted, others[:40], block=40)
    expected = np.sqrt(
        ((shifted[1].numpy() / 255.0 - others[:40].numpy() / 255.0) ** 2).sum((1, 2, 3))
    ).min()
    assert far[1].item() == pytest.approx(expected, rel=1e-4)

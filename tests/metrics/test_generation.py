"""Scores of generated images against closed forms and independent computations."""

import math
import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from hotcold.metrics import generation, intervals
from hotcold.metrics.frechet import Frechet
from hotcold.metrics.kernel import BLOCK, Kernel


def test_inception_score_agrees_with_its_formula(rng: torch.Generator) -> None:
    logits = torch.randn(60, 10, generator=rng) * 3
    p = torch.softmax(logits.double(), 1).numpy()
    expected = np.exp((p * np.log(p / p.mean(0))).sum(1).mean())
    mean, std, _ = generation.inception_score(logits, splits=1, permutations=2, g=rng)
    assert mean == pytest.approx(expected, rel=1e-9)
    assert std == 0


def test_inception_score_agrees_with_torchmetrics(rng: torch.Generator) -> None:
    """Whose single permutation varies by more than the mean over many."""
    from torchmetrics.image.inception import InceptionScore

    logits = torch.randn(200, 10, generator=rng, dtype=torch.float64) * 3
    single = []
    for seed in range(100):
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*will save all extracted features.*")
            metric = InceptionScore(feature=Features(10), splits=5)
        metric.update(logits)
        single.append(torch.stack(metric.compute()))
    expected, spread = torch.stack(single).mean(0), torch.stack(single).std(0)
    ours = generation.inception_score(logits, splits=5, permutations=100, g=rng)[:2]
    for value, mean, deviation in zip(ours, expected, spread, strict=True):
        assert value == pytest.approx(mean.item(), abs=4 * math.sqrt(2) * deviation.item() / 10)
        assert deviation > 0


def test_random_splits_add_the_variance_of_their_mean_to_that_of_the_images(
    rng: torch.Generator,
) -> None:
    logits, state = torch.randn(40, 10, generator=rng) * 3, rng.get_state()
    p = logits.double().softmax(1)
    divergence = (p * (p / p.mean(0)).log()).sum(1)
    single = [generation.inception_score(logits, 5, 1, rng)[0] for _ in range(4)]
    rng.set_state(state)
    mean, _, half = generation.inception_score(logits, 5, 4, rng)
    assert mean == pytest.approx(np.mean(single))
    variance = mean**2 * divergence.var().item() / 40 + np.var(single, ddof=1) / 4
    assert half == pytest.approx(intervals.half_width(variance), rel=1e-9)


class Features(nn.Module):
    """The feature network of a torchmetrics metric, whose input are the features."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features


def test_inception_score_of_perfect_digits(rng: torch.Generator) -> None:
    """One-hot predictions of nine of ten classes score 9, and less in small splits."""
    logits = 1000 * torch.eye(10)[:9].repeat(100, 1)
    assert generation.inception_score(logits, 1, 1, rng)[0] == pytest.approx(9)
    mean, std, _ = generation.inception_score(logits, splits=10, permutations=3, g=rng)
    assert 8.3 < mean < 8.7
    assert std > 0


def scipy_frechet(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.double().numpy(), b.double().numpy()
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    difference = a.mean(0) - b.mean(0)
    return difference @ difference + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)


def test_frechet_distance_agrees_with_scipy_and_torchmetrics(rng: torch.Generator) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    real = torch.randn(500, 16, generator=rng) @ torch.randn(16, 16, generator=rng)
    generated = torch.rand(300, 16, generator=rng) * 3
    assert Frechet.to(real)(generated) == pytest.approx(scipy_frechet(real, generated), rel=1e-9)
    metric = FrechetInceptionDistance(feature=Features(16))
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    assert Frechet.to(real)(generated) == pytest.approx(metric.compute().item(), rel=1e-6)


def test_frechet_distance_of_equal_covariances_is_the_squared_distance_of_means(
    rng: torch.Generator,
) -> None:
    real = torch.randn(400, 8, generator=rng)
    offset = torch.arange(8.0)
    assert Frechet.to(real)(real + offset) == pytest.approx(offset.square().sum().item(), rel=1e-5)


def test_fewer_images_than_features_have_a_distance_and_an_interval(rng: torch.Generator) -> None:
    real, generated = torch.randn(300, 64, generator=rng), torch.randn(20, 64, generator=rng)
    frechet = Frechet.to(real)
    assert frechet(generated) == pytest.approx(scipy_frechet(real, generated), rel=1e-6)
    assert frechet(generated) > 10  # the bias at small N
    assert 0 < frechet.half_width(generated, 20, rng) < frechet(generated)


@pytest.mark.parametrize("count", [40, 12])  # images, for 16 features
def test_influences_are_the_derivatives_by_the_share_of_an_image(
    count: int, rng: torch.Generator
) -> None:
    """Also along directions in which the images hardly vary."""
    scale = torch.tensor([1.0] + 15 * [0.05])
    real, generated = (torch.randn(n, 16, generator=rng) * scale for n in (500, count))
    frechet, step, rank = Frechet.to(real), 1e-5, min(count - 1, 16)
    a, x = frechet.cov.numpy(), generated.double().numpy()

    def distance(change: np.ndarray) -> float:
        """FID with other shares of the images in their mean and covariance, to first order."""
        rows = np.sqrt(1 / (count - 1) + change)[:, None] * (x - x.mean(0))
        roots = np.sqrt(np.linalg.eigvalsh(rows @ a @ rows.T)[-rank:]).sum()
        difference = x.mean(0) + change @ x - frechet.mean.numpy()
        return difference @ difference + np.trace(a) + (rows**2).sum() - 2 * roots

    assert distance(np.zeros(count)) == pytest.approx(frechet(generated), rel=1e-4)
    found = frechet.influence(generated)
    for i in range(3):
        change = step * (np.eye(count)[i] - 1 / count)
        slope = (distance(change) - distance(-change)) / (2 * step)
        assert found[i].item() == pytest.approx(slope, rel=1e-3)


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
    found = generation.manifold_scores(real, generated, 3, 1, rng)
    assert found == pytest.approx(expected | {f"{name}_std": 0 for name in expected})


def test_manifold_scores_of_two_sets_of_one_distribution(rng: torch.Generator) -> None:
    """In expectation density is 1 and coverage 1 - (1/2)^k (Naeem et al. 2020)."""
    a, b = torch.randn(1000, 8, generator=rng), torch.randn(1000, 8, generator=rng)
    scores = generation.manifold_scores(a, b, 5, 1, rng)
    assert scores["density"] == pytest.approx(1, abs=0.1)
    assert scores["coverage"] == pytest.approx(1 - 0.5**5, abs=0.03)


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


def test_balanced_frequencies_leave_the_distance_within_digits(rng: torch.Generator) -> None:
    """Two digits are equally frequent; three quarters of the generated images are of the first."""
    real = torch.randn(400, 3, generator=rng)
    real[200:] += 4
    classes = torch.tensor([0] * 300 + [1] * 100)
    generated = real[[*range(200), *range(100), *range(200, 300)]]
    frequencies = torch.tensor([0.5, 0.5] + [0.0] * 8)
    weights = generation.weights_of_digits(classes, frequencies)
    assert (weights[:300].sum().item(), weights[300:].sum().item()) == pytest.approx((200, 200))
    frechet = Frechet.to(real)
    assert frechet(generated) > 3
    assert frechet(generated, weights) < 0.3
    repeated = generated.repeat_interleave(torch.tensor([2] * 300 + [6] * 100), 0)
    assert frechet(generated, weights) == pytest.approx(frechet(repeated), abs=0.05)


def test_nearest_finds_a_copy_across_blocks(rng: torch.Generator) -> None:
    others = torch.randint(0, 256, (90, 1, 28, 28), generator=rng, dtype=torch.uint8)
    wanted = torch.tensor([3, 41, 89])
    distance, index = generation.nearest_images(others[wanted], others, block=40)
    assert index.tolist() == wanted.tolist()
    assert distance.max().item() < 0.05
    shifted = others[wanted].clone()
    shifted[:, 0, 0, 0] = 255 - shifted[:, 0, 0, 0]
    far, _ = generation.nearest_images(shifted, others[:40], block=40)
    expected = np.sqrt(
        ((shifted[1].numpy() / 255.0 - others[:40].numpy() / 255.0) ** 2).sum((1, 2, 3))
    ).min()
    assert far[1].item() == pytest.approx(expected, rel=1e-4)

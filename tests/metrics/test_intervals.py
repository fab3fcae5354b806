"""Intervals cover the expectation of a score, near the floor and far from it."""

import math

import pytest
import torch

from hotcold.metrics.frechet import Frechet
from hotcold.metrics.generation import inception_score
from hotcold.metrics.intervals import SMALLEST, half_width
from hotcold.metrics.kernel import Kernel, kernel
from hotcold.metrics.params import EvaluationParams
from tools.benchmarks.coverage import Population, Simulation

PARAMS = EvaluationParams(
    seed=1, splits=5, permutations=3, reference=4, neighbours=1, subsets=1, bootstrap=40
)


def test_half_width_of_a_normal_variable_and_its_lower_bound() -> None:
    assert half_width(4.0) == pytest.approx(1.96 * 2, rel=1e-3)
    assert half_width(-1.0) == 0
    assert half_width(-1.0, second_order=3.0) == half_width(3.0 * SMALLEST) > 0
    assert half_width(5.0, second_order=3.0) == half_width(5.0)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_intervals_of_a_simulated_generator_cover_and_are_not_too_wide(
    shift: float, rng: torch.Generator
) -> None:
    """Shift 0 is the floor, at which an ordinary bootstrap is 1.7 times too wide."""
    real = torch.randn(3000, 6, generator=rng)
    features = torch.randn(20_000, 6, generator=rng) + shift
    population = Population(features, 2 * features)
    simulation = Simulation(real, 300, PARAMS)
    for result in simulation.coverage(population, 100, rng).values():
        assert 0.86 <= result["coverage"] <= 0.995
        assert 0.8 < result["width"] < 1.25


def test_influences_are_the_derivative_of_fid(rng: torch.Generator) -> None:
    real = torch.randn(200, 5, generator=rng, dtype=torch.float64)
    drawn = torch.randn(2000, 5, generator=rng, dtype=torch.float64) * 1.5 + 0.3
    frechet = Frechet.to(real)
    influence = frechet.influence(drawn)
    assert influence.mean().item() == pytest.approx(0, abs=1e-9)
    repeats = 100  # the images so many times, and one of them once more
    many = drawn.repeat(repeats, 1)
    for i in (0, 31):
        change = frechet(torch.cat([many, drawn[i : i + 1]])) - frechet(many)
        assert change * len(many) == pytest.approx(influence[i].item(), rel=0.02, abs=0.02)


@pytest.mark.parametrize(("count", "shift"), [(9, 2), (25, 0)])  # real images; at the floor
def test_variance_of_kid_agrees_with_sums_over_different_images(
    count: int, shift: int, rng: torch.Generator
) -> None:
    """Hoeffding's formula, with every mean over different images written out."""
    real, drawn = torch.randn(count, 3, generator=rng), torch.randn(7, 3, generator=rng) + shift
    n, scorer = len(drawn), Kernel(real)
    h = kernel(drawn, drawn) - kernel(drawn, real).mean(1) - kernel(drawn, real).mean(1)[:, None]
    h = h + scorer.within_real
    indices = range(n)
    pairs = [(i, j) for i in indices for j in indices if i != j]
    triples = [(i, j, k) for i, j in pairs for k in indices if k not in (i, j)]
    fours = [(i, j, k, m) for i, j, k in triples for m in indices if m not in (i, j, k)]
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    separate = mean([h[i, j] * h[k, m] for i, j, k, m in fours])
    shared = mean([h[i, j] * h[i, k] for i, j, k in triples])
    square = mean([h[i, j] ** 2 for i, j in pairs])
    first = 4 * (n - 2) / (n * (n - 1)) * (shared - separate)
    second = 2 / (n * (n - 1)) * (square - separate)
    assert (first + second < SMALLEST * second) == (shift == 0)
    score, half = scorer(drawn)
    assert score == pytest.approx(mean([h[i, j] for i, j in pairs]).item())
    assert half == pytest.approx(half_width((first + second).item(), second.item()))


def test_interval_of_is_without_splits_is_that_of_a_mean(rng: torch.Generator) -> None:
    logits = torch.randn(400, 10, generator=rng, dtype=torch.float64) * 3
    p = logits.softmax(1)
    divergence = (p * (p / p.mean(0)).log()).sum(1)
    score, _, half = inception_score(logits, splits=1, permutations=4, g=rng)
    expected = 1.96 * score * divergence.std().item() / math.sqrt(400)
    assert half == pytest.approx(expected, rel=1e-3)


def test_fid_is_extrapolated_to_that_of_the_population(rng: torch.Generator) -> None:
    real = torch.randn(20_000, 8, generator=rng)
    frechet = Frechet.to(real)
    at_n, extrapolated = [], []
    for _ in range(30):
        drawn = torch.randn(300, 8, generator=rng) * 1.2
        at_n.append(frechet(drawn))
        extrapolated.append(frechet.infinite(drawn, 4, rng))
    exact = 8 * 0.2**2
    assert torch.tensor(at_n).mean().item() > exact + 0.03
    assert torch.tensor(extrapolated).mean().item() == pytest.approx(exact, abs=0.015)

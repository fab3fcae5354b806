"""Intervals cover the expectation of a score, near the floor and far from it."""

import pytest
import torch

from hotcold.metrics.frechet import Frechet
from hotcold.metrics.generation import inception_score
from hotcold.metrics.intervals import SMALLEST, half_width
from hotcold.metrics.kernel import Kernel


def test_half_width_of_a_normal_variable_and_its_lower_bound() -> None:
    assert half_width(4.0) == pytest.approx(1.96 * 2, rel=1e-3)
    assert half_width(-1.0) == half_width(-1.0, second_order=-1.0) == 0
    assert half_width(-1.0, second_order=3.0) == half_width(3.0 * SMALLEST) > 0
    assert half_width(5.0, second_order=3.0) == half_width(5.0)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_intervals_of_a_simulated_generator_cover_and_are_not_too_wide(
    shift: float, rng: torch.Generator
) -> None:
    """Shift 0 is the floor, at which an ordinary bootstrap is 1.7 times too wide."""
    real = torch.randn(3000, 6, generator=rng)
    frechet, kernel, trials = Frechet.to(real), Kernel(real), 100
    sets = torch.randn(5 * trials, 300, 6, generator=rng) + shift  # most are for the expectation
    found = {
        "fid": [
            (frechet(x), frechet.half_width(x, 40, rng) if k < trials else 0.0)
            for k, x in enumerate(sets)
        ],
        "kid": [kernel(x) for x in sets],
        "is": [inception_score(2 * x, 5, 3, rng)[::2] for x in sets],
    }
    for pairs in found.values():
        score, half = torch.tensor(pairs, dtype=torch.float64).T
        ideal = score.quantile(0.975) - score.quantile(0.025)
        error, half = (score - score.mean()).abs()[:trials], half[:trials]
        assert 0.86 <= (error < half).double().mean() <= 0.995
        assert 0.8 < 2 * half.mean() / ideal < 1.25


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

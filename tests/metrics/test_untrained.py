"""Fréchet distances in features without labels, against NumPy and SciPy."""

import pytest
import torch

from hotcold.metrics import untrained
from tools.checks import independent
from tools.checks.recompute import random_weights


def bars(count: int, rng: torch.Generator, width: int = 6) -> torch.Tensor:
    """Images of one bright bar each, (count, 1, 28, 28) uint8."""
    place = torch.randint(2, 26 - width, (count, 1, 1, 1), generator=rng)
    column = torch.arange(28).view(1, 1, 1, 28)
    grey = torch.randint(100, 256, (count, 1, 28, 28), generator=rng)
    return (grey * ((column >= place) & (column < place + width))).to(torch.uint8)


@pytest.mark.parametrize("count", [40, 300])
def test_distances_agree_with_independent_code(count: int, rng: torch.Generator) -> None:
    real, images = bars(200, rng), bars(count, rng, width=4)
    found = untrained.distances(untrained.reference(real), images, 3, rng)
    for space, features in independent.untrained(real[:, 0].numpy(), random_weights()).items():
        reference, generated = features(real[:, 0].numpy()), features(images[:, 0].numpy())
        value = independent.frechet(reference, generated) / reference.var(0, ddof=1).sum()
        assert found[f"{space}_fd"][0] == pytest.approx(100 * value, rel=1e-3)


def test_distance_of_real_images_is_small_and_has_an_interval(rng: torch.Generator) -> None:
    real = untrained.reference(bars(2000, rng))
    alike = untrained.distances(real, bars(500, rng), 20, rng)
    other = untrained.distances(real, bars(500, rng, width=5), 20, rng)
    for space in ("pixel_fd", "random_fd"):
        value, half = alike[space]
        assert 0 < half < value < 10
        assert other[space][0] - other[space][1] > value + half

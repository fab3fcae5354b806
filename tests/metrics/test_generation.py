"""Scores of generated images; `test_independent` compares all of them with other code."""

import pytest
import torch
from torch import nn

from hotcold.metrics import generation
from hotcold.metrics.frechet import Frechet


class Features(nn.Module):
    """The feature network of a torchmetrics metric, whose input are the features."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features


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
    single = generation.manifold_scores(real, generated, 3, 1, rng)
    assert scores["precision"] != single["precision"]
    assert single["density_std"] == 0


def test_manifold_scores_need_more_points_than_neighbours(rng: torch.Generator) -> None:
    with pytest.raises(ValueError, match="k is 5, must be below the number of images, 5"):
        generation.manifold_scores(torch.zeros(5, 2), torch.zeros(9, 2), 5, 1, rng)


@pytest.mark.filterwarnings("ignore:.*will save all extracted features:UserWarning")
def test_inception_score_agrees_with_torchmetrics() -> None:
    """Which permutes the images by the default generator."""
    from torchmetrics.image.inception import InceptionScore

    g = torch.manual_seed(0)
    logits = torch.randn(200, 10, dtype=torch.float64) * 3
    metric = InceptionScore(feature=Features(10), splits=5)
    metric.update(logits)
    state = g.get_state()
    expected = [value.item() for value in metric.compute()]
    *found, half = generation.inception_score(logits, 5, 1, g.set_state(state))
    assert found == pytest.approx(expected)
    assert half > 0
    assert generation.inception_score(logits, 1, 1, g)[1] == 0  # one split has no deviation


def test_frechet_distance_agrees_with_torchmetrics(rng: torch.Generator) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    real = torch.randn(500, 16, generator=rng) @ torch.randn(16, 16, generator=rng)
    generated = torch.rand(300, 16, generator=rng) * 3
    metric = FrechetInceptionDistance(feature=Features(16))
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    frechet = Frechet.to(real)
    assert frechet(generated) == pytest.approx(metric.compute().item(), rel=1e-6)
    found, half = frechet.difference(generated + 1, generated, 5, rng)
    assert found == pytest.approx(frechet(generated + 1) - frechet(generated))
    assert half > 0
    assert frechet.difference(generated, generated, 5, rng) == (0, 0)  # of pairs


def test_nearest_finds_a_copy_across_blocks(rng: torch.Generator) -> None:
    others = torch.randint(0, 256, (90, 1, 28, 28), generator=rng, dtype=torch.uint8)
    wanted = torch.tensor([3, 41, 89])
    distance, index = generation.nearest_images(others[wanted], others, block=40)
    assert index.tolist() == wanted.tolist()
    assert distance.max().item() < 0.05

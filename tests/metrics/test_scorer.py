"""All scores of a set of images."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from hotcold import scores as catalogue
from hotcold.classifier.network import Classifier
from hotcold.metrics.frechet import Frechet
from hotcold.metrics.params import EvaluationParams
from hotcold.metrics.scorer import Scorer
from hotcold.numerics import checkpoints
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from stages.evaluate_real import reference

PARAMS = EvaluationParams(
    seed=1, splits=5, permutations=3, reference=40, neighbours=3, subsets=2, bootstrap=3
)
MANIFOLDS = ("precision", "recall", "density", "coverage")
WITH_INTERVAL = ("is", "fid", "kid", "pixel_fd", "random_fd")
INTERVALS = {f"{score}_{side}" for score in WITH_INTERVAL for side in ("below", "above")}
STD = ("", "_std")
SCORES = {
    *(f"{name}{std}" for name in ("is", "is_published_definition", *MANIFOLDS) for std in STD),
    *("images", "fid", "kid", "fid_infinite", "class_distance", "zeros", "components"),
    *("pixel_fd", "random_fd", "fid_balanced"),
}


def random_images(count: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, 28, 28), generator=g, dtype=torch.uint8)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    """With an untrained classifier and 40 random images as the real ones."""
    torch.manual_seed(0)
    classifier = Classifier()
    images = random_images(40, seed=1)
    labels = classifier.classify(images).logits.argmax(1)
    return Scorer(classifier, reference(classifier, images, labels), PARAMS)


def test_scores_are_complete_finite_and_reproducible(scorer: Scorer) -> None:
    images = random_images(30, seed=2)
    scores = scorer(images)
    assert scores.keys() == SCORES | INTERVALS
    assert {c for score in catalogue.SCORES for c in score.columns} > scores.keys() - {"images"}
    assert all(torch.tensor(value).isfinite() for value in scores.values())
    assert scores["images"] == 30
    assert scorer(images) == scores
    assert scorer(images, scorer.classify(images)) == scores


@pytest.mark.parametrize("images", [torch.rand(9, 1, 28, 28), random_images(9, 0)[:, 0]])
def test_other_images_are_refused(scorer: Scorer, images: Tensor) -> None:
    with pytest.raises(UserError, match=r"must be \(N, 1, 28, 28\) torch.uint8"):
        scorer(images)


@pytest.mark.parametrize(("splits", "minimum"), [(5, 5), (2, 4)])
def test_fewer_images_than_splits_are_refused(scorer: Scorer, splits: int, minimum: int) -> None:
    params = PARAMS.model_copy(update={"splits": splits})
    few = scorer.real | {"features": scorer.real["features"][:3]}  # as many as neighbours
    strict = Scorer(scorer.classifier, few, params)
    images = random_images(minimum, seed=2)
    sentence = (
        f"there are {minimum - 1} images to score, must be at least {minimum}: "
        f"evaluation.splits is {splits}"
    )
    with pytest.raises(UserError, match=sentence):
        strict(images[:-1])
    assert strict(images)["images"] == minimum


def test_inception_features_add_one_score_and_change_no_other(scorer: Scorer) -> None:
    def features(images: Tensor) -> Tensor:
        return images.flatten(1)[:, :6].float() / 255

    real = scorer.real | {"inception": features(random_images(40, seed=1))}
    images = random_images(30, seed=2)
    scores = Scorer(scorer.classifier, real, PARAMS, features)(images)
    expected = Frechet.to(real["inception"])(features(images))
    assert scores.pop("inception_fid") == pytest.approx(expected)
    assert scores == scorer(images)


def test_scorer_is_loaded_from_the_results(scorer: Scorer, inside: Path) -> None:
    with pytest.raises(UserError, match=r"classifier\.safetensors is missing: run dvc repro"):
        Scorer.load(PARAMS)
    checkpoints.save(paths.CLASSIFIER_WEIGHTS, scorer.classifier.state_dict(), {})
    checkpoints.save(paths.REAL_FEATURES, scorer.real, {})
    images = random_images(30, seed=2)
    assert Scorer.load(PARAMS)(images) == pytest.approx(scorer(images), rel=1e-9, abs=1e-9)

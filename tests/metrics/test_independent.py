"""Independent code has the same scores, on images that it has not been written for."""

import pytest
import torch
from torch import Tensor

from hotcold.classifier.network import Classifier
from hotcold.metrics import kernel
from hotcold.metrics.generation import nearest_images
from hotcold.metrics.params import EvaluationParams
from hotcold.metrics.scorer import Scorer, Scores
from stages.evaluate_real import reference
from tools.checks import independent
from tools.checks.recompute import Recomputation, differences, random_weights

PARAMS = EvaluationParams(
    seed=3, splits=4, permutations=5, reference=150, neighbours=3, subsets=4, bootstrap=6
)


def images(count: int, seed: int) -> Tensor:
    """Bars of random height and brightness in noise."""
    g = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 120, (count, 1, 28, 28), generator=g)
    noise[torch.rand(noise.shape, generator=g) < 0.6] = 0
    for image, height in zip(noise, torch.randint(3, 25, (count,), generator=g), strict=True):
        image[0, height - 2 : height, 4:24] = 120 + seed
    return noise.to(torch.uint8)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    torch.manual_seed(0)
    classifier = Classifier()
    with torch.no_grad():  # features and logits that differ: every digit is predicted
        classifier.features[0].weight *= 1e3
        classifier.logits.weight *= 10
        classifier.logits.bias -= classifier.classify(images(150, 1)).logits.mean(0)
    labels = classifier.classify(images(150, 1)).logits.argmax(1)
    return Scorer(classifier, reference(classifier, images(150, 1), labels), PARAMS)


@pytest.fixture(scope="module")
def scores(scorer: Scorer) -> Scores:
    drawn = images(90, 2)
    distance, _ = nearest_images(drawn, images(150, 1), block=40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "BLOCK", 40)
        return scorer(drawn) | {"nearest_training_distance": distance.mean().item()}


def test_every_score_is_the_same(scorer: Scorer, scores: Scores) -> None:
    """By `hotcold check recompute`, with its inputs from memory."""
    again = Recomputation.__new__(Recomputation)
    again.settings, again.classifier = PARAMS, scorer.classifier
    again.reference = scorer.real["features"].double().numpy()
    again.frequencies = scorer.real["frequencies"].numpy()
    again.training = again.test = images(150, 1)[:, 0].numpy()
    again.untrained = independent.untrained(again.test, random_weights())
    found = again.scores(images(90, 2))
    assert len(found) == 29
    assert found == {key: pytest.approx(scores[key], rel=1e-5, abs=1e-9) for key in found}
    assert len({round(value, 9) for value in found.values()}) > 20  # few of them are 0 or 1
    assert differences(found, scores) == []
    wrong = dict(scores) | {"fid": scores["fid"] * 1.01}
    del wrong["kid"]
    assert [words.split(" ")[0] for words in differences(found, wrong)] == ["fid", "kid"]

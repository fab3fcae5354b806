"""Independent code has the same scores, on images that it has not been written for."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hotcold.classifier.network import Classifier
from hotcold.metrics import kernel, untrained
from hotcold.metrics.generation import nearest_images
from hotcold.metrics.params import EvaluationParams
from hotcold.metrics.scorer import Scorer, Scores
from tools.checks import independent
from tools.checks.recompute import Recomputation, agrees, printed, random_weights, with_ends

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
    outputs = classifier.classify(images(150, 1))
    frequencies = outputs.logits.argmax(1).bincount(minlength=10).double() / 150
    real = {"features": outputs.features, "frequencies": frequencies}
    return Scorer(classifier, real | untrained.reference(images(150, 1)), PARAMS)


@pytest.fixture(scope="module")
def scores(scorer: Scorer) -> Scores:
    drawn = images(90, 2)
    distance, _ = nearest_images(drawn, images(150, 1), block=40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "BLOCK", 40)
        return scorer(drawn) | {"nearest_training_distance": distance.mean().item()}


@pytest.fixture(scope="module")
def recomputed(scorer: Scorer) -> list[float]:
    """The row of the summary by `hotcold check recompute`, with its inputs from memory."""
    again = Recomputation.__new__(Recomputation)
    again.settings, again.classifier = PARAMS, scorer.classifier
    again.reference = scorer.real["features"].double().numpy()
    again.frequencies = scorer.real["frequencies"].numpy()
    again.training = again.test = images(150, 1)[:, 0].numpy()
    again.untrained = independent.untrained(again.test, random_weights()).values()
    return list(again.row(images(90, 2)))


def row(scores: Scores) -> list[float]:
    """The numbers of a row of the summary, in the order of the report."""
    values: list[float] = []
    for key in ("is", "fid"):
        values += with_ends(scores[key], scores[f"{key}_above"])
    values += [scores["fid_infinite"], *with_ends(scores["kid"], scores["kid_above"])]
    for key in ("pixel_fd", "random_fd"):
        values += with_ends(scores[key], scores[f"{key}_above"])
    for key in ("precision", "recall", "density", "coverage"):
        values += [scores[key], scores[f"{key}_std"]]
    others = ("zeros", "components", "class_distance", "fid_balanced", "nearest_training_distance")
    return values + [scores[key] for key in others]


def test_every_number_of_a_row_is_the_same(scores: Scores, recomputed: list[float]) -> None:
    assert len(recomputed) == 29
    assert recomputed == pytest.approx(row(scores), rel=1e-5, abs=1e-9)
    assert len({round(value, 9) for value in recomputed}) > 25  # few of them are 0 or 1


def test_a_wrong_last_decimal_does_not_agree() -> None:
    assert agrees("3.05", 3.0456)
    assert agrees("26", 25.46)
    assert not agrees("26", 25.44)
    assert not agrees("3.05", 3.0561)
    assert agrees("−0.0045", -0.00452)
    assert not agrees("0.0045", -0.00452)
    assert agrees("0.00", 0.0)
    assert not agrees("0.05", 0.0)


def test_numbers_are_read_from_the_tables_of_the_best_checkpoints() -> None:
    report = """
**Table S6.** Scores of the best checkpoint of each model, from N = 6 images.

|  | epoch | IS ↑ |
| --- | ---: | ---: |
| real | – | 9.3 [9.2, 9.4] |
| model1 | 10 | 1.0 [−0.2, 3.0] |

**Table S7.** Fidelity and variety of the best checkpoints.

|  | precision ↑ |
| --- | ---: |
| real | 0.9 ± 0.01 |
| model1 | 1.0 ± 0.00 |

**Table S8.** Zeros and components, and so on.

|  | zeros | class distance ↓ |
| --- | ---: | ---: |
| real | 0.8 | 0.05 |
| model1 | 0.15 | 0.3 |
"""
    found = printed(report)
    assert found["real"] == ["9.3", "9.2", "9.4", "0.9", "0.01", "0.8", "0.05"]
    assert found["model1"][:4] == ["10", "1.0", "−0.2", "3.0"]
    assert set(found) == {"real", "model1"}


def test_independent_code_shares_nothing_with_the_metrics() -> None:
    source = Path(independent.__file__).read_text()
    assert set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE)) == {
        "__future__",
        "collections",
        "numpy",
        "scipy",
    }
    assert np.isfinite(independent.Z)

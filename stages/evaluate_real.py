"""Compute the features of real images, and the scores of real images at the same N as the generated
ones: what a perfect model would get.

What is chosen by its scores is compared with validation images (`data.held_out`), which no network
is trained on; all other scores compare with test images. The real images that are scored here are
the first ones of the held-out images; the floor of FID is the mean over several sets of them.
"""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from hotcold.classifier.network import Classifier
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.metrics import untrained
from hotcold.metrics.frechet import Frechet
from hotcold.metrics.generation import nearest_images
from hotcold.metrics.inception import find_inception
from hotcold.metrics.params import EvaluationParams
from hotcold.metrics.scorer import Scorer, headline
from hotcold.numerics import checkpoints, devices, tables
from hotcold.numerics.rng import generator
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import Count, TestImages, read

DRAWS = 15  # sets of real images whose FID is the floor


def reference(classifier: Classifier, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What `Scorer.real` holds: `features` of the images, `frequencies` of all labels, and what
    `untrained.reference` gives."""
    frequencies = labels.bincount(minlength=10).double()
    found = {"features": classifier.classify(images).features}
    found["frequencies"] = frequencies / frequencies.sum()
    return found | untrained.reference(images)


def floor(features: Tensor, real: Tensor, count: int, seed: int) -> dict[str, float]:
    """`fid_floor` and `fid_floor_std`: the mean FID of DRAWS random sets of `count` real images,
    from their features, and its standard deviation between them."""
    frechet, g = Frechet.to(real), generator("cpu", seed, "scores", "floor")
    draws = [features[torch.randperm(len(features), generator=g)[:count]] for _ in range(DRAWS)]
    fids = [frechet(draw) for draw in draws]
    return {"fid_floor": statistics.mean(fids), "fid_floor_std": statistics.stdev(fids)}


@stage("evaluate_real", __doc__)
def main() -> None:
    data = read("data", DataParams)
    params = read("evaluation", EvaluationParams)
    inception_reference = read("inception.reference", TestImages)
    count = read("sampling.images", Count)
    device = devices.device()
    print(f"evaluate_real: {devices.describe(device, torch.float32)}")

    images = mnist.images("train")
    split = mnist.split(len(images), data)
    validation, test = images[split.held_out], mnist.images("test")
    classifier, inception = Classifier.load(device=device), find_inception(device)
    real = reference(classifier, test[: params.reference], mnist.labels("test"))
    labels = mnist.labels("train")[split.held_out]
    selection = reference(classifier, validation[: params.reference], labels)
    inception_features = {}
    if inception:
        print(f"evaluate_real: Inception features of {inception_reference + count} images")
        inception_features = {"inception": inception(test[:inception_reference])}

    scorer = Scorer(classifier, real | inception_features, params, inception)
    scores = scorer(validation[:count])
    distance, _ = nearest_images(validation[:count], images[split.train])
    scores["nearest_training_distance"] = distance.mean().item()
    scores |= floor(selection["features"], real["features"], count, params.seed)
    checkpoints.save(paths.REAL_FEATURES, real, {"images": len(real["features"])})
    checkpoints.save(paths.REAL_VALIDATION, selection, {"images": len(selection["features"])})
    checkpoints.save(paths.REAL_INCEPTION, inception_features, {})
    tables.write_json(paths.REAL_SCORES, scores)
    tables.write_json(paths.REAL_METRICS, {"real": headline(scores)})
    print(f"evaluate_real: {count} real images, IS {scores['is']:.2f}, FID {scores['fid']:.2f}")


if __name__ == "__main__":
    run(main)

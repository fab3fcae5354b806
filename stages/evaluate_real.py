"""Compute the features of real test images, and the scores of real held-out images at the same N
as the generated ones: what a perfect model would get."""

from __future__ import annotations

import torch

from diffusion.classifier.network import Classifier
from diffusion.data import mnist
from diffusion.data.params import DataParams
from diffusion.metrics.generation import nearest
from diffusion.metrics.inception import find_inception
from diffusion.metrics.params import EvaluationParams
from diffusion.metrics.scorer import Scorer, headline
from diffusion.runtime import checkpoints, cli, devices, files, paths
from diffusion.runtime.errors import run
from diffusion.runtime.params import Count, TestImages, read


def main() -> None:
    cli.no_arguments("evaluate_real", __doc__)
    data = read("data", DataParams)
    params = read("evaluation", EvaluationParams)
    inception_reference = read("inception.reference", TestImages)
    count = read("sampling.images", Count)
    device = devices.device()
    print(f"evaluate_real: {devices.describe(device, torch.float32)}")

    images = mnist.images("train")
    split = mnist.split(len(images), data)
    held_out, test = images[split.held_out[:count]], mnist.images("test")
    classifier, inception = Classifier.load(device=device), find_inception(device)
    frequencies = mnist.labels("test").bincount(minlength=10).double()
    real = {
        "features": classifier.classify(test[: params.reference]).features,
        "frequencies": frequencies / frequencies.sum(),
    }
    inception_features = {}
    if inception:
        print(f"evaluate_real: Inception features of {inception_reference + count} images")
        inception_features = {"inception": inception(test[:inception_reference])}

    scores = Scorer(classifier, real | inception_features, params, inception)(held_out)
    distance, _ = nearest(held_out, images[split.train])
    scores["nearest_training_distance"] = distance.mean().item()
    checkpoints.save(paths.REAL_FEATURES, real, {"images": len(real["features"])})
    checkpoints.save(paths.REAL_INCEPTION, inception_features, {})
    files.write_json(paths.REAL_SCORES, scores)
    files.write_json(paths.REAL_METRICS, {"real": headline(scores)})
    print(f"evaluate_real: {count} real images, IS {scores['is']:.2f}, FID {scores['fid']:.2f}")


if __name__ == "__main__":
    run(main)

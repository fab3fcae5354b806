"""The real side of every comparison: features of test images, and the scores that real,
held-out images get at the same N as the generated ones."""

from __future__ import annotations

import json
from pathlib import Path

from diffusion.runtime.errors import run

# isort: split
import torch

from diffusion import mnist as data
from diffusion.classifier import Classifier, classify
from diffusion.metrics import generation as metrics
from diffusion.metrics import scorer as scores
from diffusion.metrics.inception import find, inception_features
from diffusion.metrics.params import Evaluation
from diffusion.mnist_params import Data
from diffusion.runtime import checkpoints, devices
from diffusion.runtime import cli as arguments
from diffusion.runtime.params import Count, read

OUTPUT = Path("results/reference")


def main() -> None:
    arguments.none(__doc__, "reference")
    parts = read("data", Data)
    params = read("evaluation", Evaluation)
    count = read("sampling.images", Count)
    device = devices.device()
    print(f"reference: {devices.describe(device, torch.float32)}")
    path = Path("results/classifier/classifier.safetensors")
    classifier = checkpoints.restore(Classifier(), checkpoints.load(path)[0], path).to(device)

    images = data.images("train")
    split = data.split(len(images), parts.train, parts.held_out, parts.split_seed)
    held_out, test = images[split.held_out[:count]], data.images("test")[: params.reference]
    frequencies = data.labels("test").bincount(minlength=10).double()
    tensors = {
        "features": classify(classifier, test).features,
        "frequencies": frequencies / frequencies.sum(),
    }
    weights = find()
    inception_held_out = None
    if weights:
        print(f"reference: Inception features of {params.inception_reference + count} images")
        network = inception_features(weights, device)
        tensors["inception"] = network(test[: params.inception_reference])
        inception_held_out = network(held_out)

    floor = scores.of_images(
        held_out,
        classify(classifier, held_out),
        tensors,
        params.splits,
        params.neighbours,
        params.bootstrap,
        params.seed,
        inception_held_out,
    )
    distance, _ = metrics.nearest(held_out, images[split.train])
    floor["nearest_training_distance"] = distance.mean().item()
    checkpoints.empty(OUTPUT)
    checkpoints.save(OUTPUT / "features.safetensors", tensors, {"images": len(test)})
    (OUTPUT / "scores.json").write_text(json.dumps(floor, indent=1) + "\n")
    print(f"reference: {count} real images score IS {floor['is']:.2f}, FID {floor['fid']:.2f}")


if __name__ == "__main__":
    run(main)

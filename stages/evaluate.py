"""Score the images of one model: python -m stages.evaluate model1"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from diffusion.runtime.errors import UserError, run

# isort: split
import torch
from torch import Tensor

from diffusion import image_sets
from diffusion import mnist as data
from diffusion.classifier import Classifier, classify
from diffusion.metrics import generation as metrics
from diffusion.metrics import scorer as scores
from diffusion.metrics.inception import find, inception_features
from diffusion.metrics.params import Evaluation
from diffusion.mnist_params import Data
from diffusion.runtime import checkpoints, devices
from diffusion.runtime import cli as arguments
from diffusion.runtime.params import read
from diffusion.runtime.progress import Progress

SAMPLES = Path("results/samples")
OUTPUT = Path("results/scores")
GIVEN = ("original", "degraded")  # not results of the model


def predictions(
    logits: Tensor, nearest: Tensor, distance: Tensor
) -> Iterator[tuple[int, int, str, int, str]]:
    """Per image: its number, predicted digit, confidence, nearest training image, distance."""
    confidence, digit = logits.double().softmax(1).max(1)
    for i in range(len(logits)):
        yield (
            i,
            int(digit[i]),
            f"{confidence[i].item():.6f}",
            int(nearest[i]),
            f"{distance[i].item():.6f}",
        )


def main() -> None:
    name = arguments.model(__doc__, "evaluate")
    parts = read("data", Data)
    params = read("evaluation", Evaluation)
    loaded = [image_sets.load(path) for path in sorted((SAMPLES / name).glob("epoch_*"))]
    scored = [(sets, description) for sets, description in loaded if description["roles"]]
    if not scored:
        raise UserError(f"there are no samples of '{name}' in {SAMPLES}: dvc repro makes them")
    device = devices.device()
    print(f"evaluate {name}: {devices.describe(device, torch.float32)}")
    path = Path("results/classifier/classifier.safetensors")
    classifier = checkpoints.restore(Classifier(), checkpoints.load(path)[0], path).to(device)
    reference, _ = checkpoints.load(Path("results/reference/features.safetensors"))
    weights = find()
    inception = inception_features(weights, device) if weights else None
    images = data.images("train")
    split = data.split(len(images), parts.train, parts.held_out, parts.split_seed)
    training_images = images[split.train]

    folder = checkpoints.empty(OUTPUT / name)
    results = []
    with (
        (folder / "predictions.csv").open("w", newline="") as file,
        Progress(f"evaluate {name}", sum(len(sets) for sets, _ in scored), "set") as bar,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("epoch", "set", "image", "digit", "confidence", "nearest", "distance"))
        for sets, description in scored:
            entry = {key: description[key] for key in ("epoch", "roles", "main")}
            entry |= {key: description.get(key) for key in ("start", "steps", "eta")} | {"sets": {}}
            for key, drawn in sets.items():
                result: dict[str, float] = {}
                if "original" in sets and key != "original":
                    result |= scores.of_restoration(drawn, sets["original"])
                if key == "degraded":
                    features = classify(classifier, drawn).features
                    result["fid"] = metrics.frechet_distance(reference["features"], features)
                if key not in GIVEN:
                    outputs = classify(classifier, drawn)
                    result |= scores.of_images(
                        drawn,
                        outputs,
                        reference,
                        params.splits,
                        params.neighbours,
                        params.bootstrap,
                        params.seed,
                        inception(drawn) if inception else None,
                    )
                    distance, nearest = metrics.nearest(drawn, training_images)
                    result["nearest_training_distance"] = distance.mean().item()
                    for row in predictions(outputs.logits, split.train[nearest], distance):
                        table.writerow((description["epoch"], key, *row))
                if result:
                    entry["sets"][key] = result
                bar.advance()
            if "original" in sets:
                filtered = metrics.median_filter(sets["degraded"])
                entry["sets"]["median_filter"] = scores.of_restoration(filtered, sets["original"])
            results.append(entry)
            main_set = entry["sets"][entry["main"]]
            bar.note(
                f"evaluate {name}: epoch {entry['epoch']} ({', '.join(entry['roles'])}), "
                f"IS {main_set['is']:.2f}, FID {main_set['fid']:.1f}"
            )
    (folder / "scores.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    run(main)

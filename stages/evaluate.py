"""Score the images of one model: python -m stages.evaluate model1"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import torch

from stages.diffusion import checkpoints, data, devices, metrics, scores
from stages.diffusion.classifier import Classifier, classify
from stages.diffusion.inception import find, inception_features
from stages.errors import UserError, run
from stages.params.data import Data
from stages.params.evaluation import Evaluation
from stages.params.reader import Seed, read
from stages.progress import Progress

SAMPLES = Path("results/samples")
OUTPUT = Path("results/scores")
SHOWN_ONLY = ("original", "degraded")  # not results of the model: restored, not scored as a set


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a key of `models` in params.yaml")
    name = parser.parse_args().model
    seed = read("seed", Seed)
    parts = read("data", Data)
    params = read("evaluation", Evaluation)
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

    files = [(path, *checkpoints.load(path)) for path in sorted((SAMPLES / name).glob("epoch_*"))]
    scored = [item for item in files if item[2]["roles"]]
    if not scored:
        raise UserError(f"no samples in {SAMPLES / name}: run dvc repro sample@{name}")
    folder = OUTPUT / name
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    with (
        (folder / "predictions.csv").open("w", newline="") as file,
        Progress(f"evaluate {name}", sum(len(sets) for _, sets, _ in scored), "set") as bar,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("epoch", "set", "image", "digit", "confidence", "nearest", "distance"))
        for _, sets, description in scored:
            entry = {key: description[key] for key in ("epoch", "roles", "start", "main")}
            entry["sets"] = {}
            for key, drawn in sets.items():
                result: dict[str, float] = {}
                if "original" in sets and key != "original":
                    result |= scores.of_restoration(drawn, sets["original"])
                if key not in SHOWN_ONLY:
                    outputs = classify(classifier, drawn)
                    result |= scores.of_images(
                        drawn,
                        outputs,
                        reference,
                        params.splits,
                        params.neighbours,
                        params.bootstrap,
                        seed,
                        inception(drawn) if inception else None,
                    )
                    distance, nearest = metrics.nearest(drawn, training_images)
                    result["nearest_training_distance"] = distance.mean().item()
                    confidence, digit = outputs.logits.double().softmax(1).max(1)
                    for i in range(len(drawn)):
                        table.writerow(
                            (
                                description["epoch"],
                                key,
                                i,
                                digit[i].item(),
                                f"{confidence[i].item():.6f}",
                                split.train[nearest[i]].item(),
                                f"{distance[i].item():.6f}",
                            )
                        )
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

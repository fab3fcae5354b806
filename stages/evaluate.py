"""Score the images of one model: python -m stages.evaluate model1

All scores compare with test images. `validation_fid`, of images that are not restored from
validation images, compares with those: it is what a checkpoint or sampler may be chosen by.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hotcold import samples_file
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.metrics.generation import label_accuracy, nearest_images
from hotcold.metrics.params import EvaluationParams
from hotcold.metrics.restoration import median_filter, psnr_gain, restoration_scores
from hotcold.metrics.scorer import Scorer, headline, with_interval
from hotcold.numerics import devices, tables
from hotcold.runs.progress import Progress
from hotcold.runs.stage import stage
from hotcold.runtime import files, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import read

PREDICTION_COLUMNS = ("epoch", "set", "image", "digit", "confidence", "nearest", "distance")
NOT_RESULTS = ("original", "degraded")  # sets that are not results of the model


class Evaluation:
    """The scores of all sets of a checkpoint, and a row for every image that was scored."""

    def __init__(self, scorer: Scorer, selection: Scorer, images: Tensor, training: Tensor) -> None:
        """scorer, selection: against test and against validation images. images: the 60,000 images
        for training; training: indices of those that trained."""
        self.scorer, self.selection, self.training = scorer, selection, training
        self.training_images = images[training]
        self.rows: list[tuple[Any, ...]] = []

    def score(
        self, sets: dict[str, Tensor], key: str, epoch: int, labels: list[int] | None
    ) -> dict[str, float]:
        """The scores of one set; none for the originals. labels: those that were asked for."""
        images = sets[key]
        scores: dict[str, float] = {}
        if "original" in sets and key != "original":
            scores |= restoration_scores(images, sets["original"])
        if key == "degraded":
            scores["fid"] = self.scorer.frechet(self.scorer.classify(images).features)
        if key not in NOT_RESULTS:
            outputs = self.scorer.classify(images)
            scores |= self.scorer(images, outputs)
            if "original" not in sets:
                chosen_by = self.selection.frechet_scores(outputs.features)
                scores |= {f"validation_{name}": value for name, value in chosen_by.items()}
            if labels is not None:
                scores["label_accuracy"] = label_accuracy(outputs.logits, torch.tensor(labels))
            distance, index = nearest_images(images, self.training_images)
            scores["nearest_training_distance"] = distance.mean().item()
            confidence, digit = outputs.logits.double().softmax(1).max(1)
            columns = (digit, confidence, self.training[index], distance)
            for number, row in enumerate(zip(*(x.tolist() for x in columns), strict=True)):
                self.rows.append(
                    (epoch, key, number, row[0], f"{row[1]:.6f}", row[2], f"{row[3]:.6f}")
                )
        return scores

    def gains(self, images: Tensor, one_step: Tensor, originals: Tensor) -> dict[str, float]:
        """What steps add to one step from the same degraded images: FID and PSNR less its own."""
        a, b = (self.scorer.classify(each).features for each in (images, one_step))
        stream = self.scorer.stream("gain")
        fid = self.scorer.frechet.difference(a, b, self.scorer.params.bootstrap, stream)
        psnr = psnr_gain(images, one_step, originals)
        return with_interval("fid_gain", *fid) | with_interval("psnr_gain", *psnr)

    def checkpoint(
        self, sets: dict[str, Tensor], description: dict[str, Any], bar: Progress
    ) -> dict[str, Any]:
        """The entry of a checkpoint in scores.json."""
        entry = {key: description[key] for key in ("epoch", "roles", "main", "sampler")}
        scores = {}
        for key in sets:
            scores[key] = self.score(sets, key, entry["epoch"], description.get("labels"))
            bar.advance()
        if "original" in sets:
            for key in sets:
                if "one_step" in sets and key not in (*NOT_RESULTS, "one_step"):
                    scores[key] |= self.gains(sets[key], sets["one_step"], sets["original"])
            filtered = median_filter(sets["degraded"])
            scores["median_filter"] = restoration_scores(filtered, sets["original"])
        return entry | {"sets": {key: found for key, found in scores.items() if found}}


@stage("evaluate", __doc__)
def main(name: str) -> None:
    data = read("data", DataParams)
    params = read("evaluation", EvaluationParams)
    saved = samples_file.load_epochs(paths.SAMPLES / name)
    scored = [(sets, description) for sets, description in saved if description["roles"]]
    if not scored:
        raise UserError(f"there are no samples of '{name}' in {paths.SAMPLES}: run dvc repro")
    device = devices.device()
    print(f"evaluate {name}: {devices.describe(device, torch.float32)}")
    scorer = Scorer.load(params, device, with_inception=True)
    images = mnist.images("train")
    selection = Scorer.load(params, device, features=paths.REAL_VALIDATION)
    evaluation = Evaluation(scorer, selection, images, mnist.split(len(images), data).train)

    entries = []
    with Progress(f"evaluate {name}", sum(len(sets) for sets, _ in scored), "set") as bar:
        for sets, description in scored:
            entry = evaluation.checkpoint(sets, description, bar)
            entries.append(entry)
            main_scores = entry["sets"][entry["main"]]
            bar.note(
                f"evaluate {name}: epoch {entry['epoch']} ({', '.join(entry['roles'])}), "
                f"IS {main_scores['is']:.2f}, FID {main_scores['fid']:.1f}"
            )
    folder = files.empty_folder(paths.SCORES / name)
    tables.write_csv(folder / "predictions.csv", PREDICTION_COLUMNS, evaluation.rows)
    tables.write_json(folder / "scores.json", entries)
    best = next(entry for entry in entries if "best" in entry["roles"])
    scores = headline(best["sets"][best["main"]])
    tables.write_json(paths.metrics("evaluate", name), {name: scores})


if __name__ == "__main__":
    run(main)

"""The results of the models, read from results/ for figures and report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hotcold.models.params import DesignParams
from hotcold.numerics import checkpoints
from hotcold.reporting.reading import schemas
from hotcold.reporting.reading.sources import checking, damaged, read_json, read_table
from hotcold.runtime import paths

Scores = dict[str, float]
Checkpoint = dict[str, Any]  # an entry of scores.json

KINDS = {  # of degradation, in the order of the report
    "gaussian": "Gaussian",
    "impulse": "impulse",
    "blur": "blur",
    "pixelation": "pixelation",
    "fading": "fading",
    "dissipation": "blur and noise",
}
SAMPLERS = {  # set of images -> the name of its sampler in figures and report
    "ancestral": "ancestral",
    "ddim": "DDIM",
    "categorical": "categorical draws",
    "inverse_dissipation": "inverse heat dissipation",
    "naive": "naive",
    "improved": "improved",
}


@dataclass(frozen=True)
class ModelResults:
    """The results of one model.

    run: the device, precision and versions of its training.
    history: one row for each epoch.
    checkpoints: those that are scored, by epoch.
    predictions: one row for each scored image.
    step_study: scores by number of steps, eta and clip, against validation images; empty for a
    model that restores.
    likelihood: in bits per pixel; empty for a model that is not categorical.
    """

    name: str
    design: DesignParams
    run: dict[str, Any]
    history: list[dict[str, float]]
    checkpoints: list[Checkpoint]
    predictions: list[dict[str, str]]
    step_study: list[Scores]
    likelihood: Scores = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of degradation."""
        return self.design.degradation.kind

    @property
    def predicts(self) -> str:
        """What the network predicts."""
        return self.design.network.predicts

    @property
    def best(self) -> Checkpoint:
        """The checkpoint with the smallest validation loss."""
        return next(c for c in self.checkpoints if "best" in c["roles"])

    @property
    def scores(self) -> Scores:
        """The scores of the main set of the best checkpoint."""
        return main_scores(self.best)

    @property
    def generates(self) -> bool:
        """Whether its images start from noise alone, with nothing of an image left."""
        start = self.best["sampler"].get("start")
        from_impulses = self.kind == "impulse" and start == "noise"
        return self.design.from_noise_alone or from_impulses

    @property
    def restores(self) -> bool:
        """Whether the cold samplers make its images from degraded ones."""
        return "improved" in self.best["sets"]

    @property
    def best_predictions(self) -> list[dict[str, str]]:
        """The rows of the main set of the best checkpoint, in the order of its images."""
        return self.predictions_of(self.best["main"])

    def predictions_of(self, key: str) -> list[dict[str, str]]:
        """The rows of one set of the best checkpoint, in the order of its images."""
        best = (str(self.best["epoch"]), key)
        return [row for row in self.predictions if (row["epoch"], row["set"]) == best]

    def digit_counts(self, key: str) -> np.ndarray:
        """How many images of one set of the best checkpoint are classified as each digit, (10,)."""
        return np.bincount([int(row["digit"]) for row in self.predictions_of(key)], minlength=10)

    def column(self, key: str) -> np.ndarray:
        """A column of the history, (epochs,)."""
        return np.array([row[key] for row in self.history])


def read_model(name: str, design: DesignParams) -> ModelResults:
    """The results of one model of params.yaml. Raises UserError if a file is missing or damaged, or
    belongs to another run than the others."""
    categorical = design.network.predicts == "categorical"
    studied = categorical or design.degradation.kind == "gaussian"
    study = schemas.StepStudy if studied else schemas.NoStudy
    likelihood = schemas.Likelihood if categorical else schemas.NoLikelihood
    history = read_table(paths.history(name), schemas.Epoch)
    model = ModelResults(
        name=name,
        design=design,
        run=read_json(paths.MODELS / name / "run.json", schemas.Run),
        history=[{key: float(value) for key, value in row.items()} for row in history],
        checkpoints=read_json(scores_path(name), schemas.Checkpoints),
        predictions=read_table(predictions_path(name), schemas.Prediction),
        step_study=read_json(paths.STEP_STUDY / f"{name}.json", study),
        likelihood=read_json(paths.LIKELIHOOD / f"{name}.json", likelihood),
    )
    check_agreement(model)
    return model


def scores_path(name: str) -> Path:
    """The scores of the checkpoints of a model."""
    return paths.SCORES / name / "scores.json"


def predictions_path(name: str) -> Path:
    """What the classifier predicts for the images of a model."""
    return paths.SCORES / name / "predictions.csv"


def check_agreement(model: ModelResults) -> None:
    """Raise UserError if the files of a model are not of one run."""
    epochs = [row["epoch"] for row in model.history]
    if epochs != list(range(1, len(epochs) + 1)):
        raise damaged(paths.history(model.name), "its epochs are not 1, 2, 3 and so on")
    predicted = Counter((row["epoch"], row["set"]) for row in model.predictions)
    labelled = ["label_accuracy"] if model.design.classes else []
    for checkpoint in model.checkpoints:
        epoch = checkpoint["epoch"]
        if epoch > len(epochs):
            fault = f"it has epoch {epoch}, {paths.history(model.name)} has {len(epochs)} epochs"
            raise damaged(scores_path(model.name), fault)
        if not set(labelled) <= set(main_scores(checkpoint)):
            raise damaged(scores_path(model.name), "label_accuracy is missing")
        for key, scores in checkpoint["sets"].items():
            found, images = predicted[str(epoch), key], scores.get("images", 0)
            if found != images:
                fault = (
                    f"it has {found} rows of epoch {epoch}, {key}, must have {images} as in "
                    f"{scores_path(model.name)}"
                )
                raise damaged(predictions_path(model.name), fault)
    for entry in model.step_study if model.design.classes else ():
        if "label_accuracy" not in entry:
            raise damaged(paths.STEP_STUDY / f"{model.name}.json", "label_accuracy is missing")


def read_real(models: Iterable[ModelResults]) -> Scores:
    """The scores of real images. Raises UserError if the file is missing or damaged, or if a model
    lacks one of them."""
    real: Scores = read_json(paths.REAL_SCORES, schemas.AllScores)
    for model in models:
        for checkpoint in model.checkpoints:
            if absent := sorted(set(real) - set(main_scores(checkpoint))):
                fault = f"{absent[0]} is missing, which {paths.REAL_SCORES} has"
                raise damaged(scores_path(model.name), fault)
    return real


def read_classifier() -> dict[str, Any]:
    """The scores of the classifier. Raises UserError if the file is missing or damaged."""
    return read_json(paths.CLASSIFIER_SCORES, schemas.ClassifierScores)


def read_frequencies() -> np.ndarray:
    """The frequencies of the real digits, (10,). Raises UserError if the file is missing or
    damaged."""
    if paths.REAL_FEATURES.is_dir():
        raise damaged(paths.REAL_FEATURES, "it is a folder")
    arrays = checkpoints.load_arrays(paths.REAL_FEATURES)
    with checking(paths.REAL_FEATURES):
        frequencies = arrays["frequencies"]
        if frequencies.shape != (10,) or not (frequencies > 0).all():
            raise ValueError("the frequencies of the digits must be 10 positive numbers")
    return frequencies


def main_scores(checkpoint: Checkpoint) -> Scores:
    """The scores of the main set of a checkpoint."""
    return checkpoint["sets"][checkpoint["main"]]


def with_interval(scores: Sequence[Scores], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The values of a score, (n,), and how far their 95 % intervals extend down and up, (2, n); 0
    for a score without an interval."""
    values = np.array([each[key] for each in scores])
    sides = [[each.get(f"{key}_{side}", 0.0) for each in scores] for side in ("below", "above")]
    return values, np.clip(sides, 0, None)


def known_and_further(
    models: Iterable[ModelResults], published: Mapping[str, Any]
) -> tuple[list[ModelResults], list[ModelResults]]:
    """The models that are in the published report, and the others. published: by model."""
    models = list(models)
    return (
        [m for m in models if m.name in published],
        [m for m in models if m.name not in published],
    )


def by_kind(models: Iterable[ModelResults]) -> dict[str, list[ModelResults]]:
    """The models of each kind of degradation that occurs."""
    models = list(models)
    groups = {kind: [m for m in models if m.kind == kind] for kind in KINDS}
    return {kind: group for kind, group in groups.items() if group}

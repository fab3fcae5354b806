"""The results of the models, read from results/ for figures and report."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hotcold.models import kinds
from hotcold.models.params import DesignParams
from hotcold.numerics import checkpoints, tables
from hotcold.reporting.reading.sources import plain
from hotcold.runs import records
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.sampling.bases import SamplerParams
from hotcold.sampling.params import recorded

Scores = dict[str, float]
Checkpoint = dict[str, Any]  # an entry of scores.json
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def samplers() -> dict[str, str]:
    """Set of images -> the name of its sampler in figures and report."""
    blocks = [kinds.params("samplers", kind) for kind in kinds.names("samplers")]
    return {key: name for block in blocks for key, name in block.sets.items()}


@dataclass(frozen=True)
class ModelResults:
    """The results of one model.

    history: one row for each epoch.
    checkpoints: those that are scored, by epoch.
    predictions: one row for each scored image.
    step_study: scores by the settings of a sampler, against validation images; empty for a model
    that restores.
    likelihood: in bits per pixel; empty for a model that is not categorical.
    environment: device, precision and versions of its training.
    """

    name: str
    design: DesignParams
    history: list[dict[str, float]]
    checkpoints: list[Checkpoint]
    predictions: list[dict[str, str]]
    step_study: list[Scores]
    likelihood: Scores = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

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
    def lowest_loss(self) -> dict[str, float]:
        """The row of the history with the smallest validation loss."""
        return min(self.history, key=lambda row: row["validation_loss"])

    @property
    def sampler(self) -> SamplerParams:
        """The sampler of its images."""
        return recorded(self.best["sampler"])

    @property
    def scores(self) -> Scores:
        """The scores of the main set of the best checkpoint."""
        return main_scores(self.best)

    @property
    def generates(self) -> bool:
        """Whether its images start from noise alone, with nothing of an image left."""
        return self.design.degradation.from_noise_alone or self.sampler.from_noise

    @property
    def restores(self) -> bool:
        """Whether its sampler makes images from degraded ones."""
        return self.sampler.restores

    @property
    def evaluations(self) -> int:
        """Evaluations of the network for an image, by its sampler."""
        return self.sampler.evaluations(self.design.degradation.T)

    @property
    def best_predictions(self) -> list[dict[str, str]]:
        """The rows of the main set of the best checkpoint, in the order of its images."""
        return self.predictions_of(self.best["main"])

    def predictions_of(self, key: str, epoch: int | None = None) -> list[dict[str, str]]:
        """The rows of one set of a checkpoint, by default the best one, in the order of its
        images."""
        of = (str(epoch or self.best["epoch"]), key)
        return [row for row in self.predictions if (row["epoch"], row["set"]) == of]

    def digit_counts(self, key: str, epoch: int | None = None) -> np.ndarray:
        """How many images of one set of a checkpoint, by default the best one, are classified as
        each digit, (10,)."""
        digits = [int(row["digit"]) for row in self.predictions_of(key, epoch)]
        return np.bincount(digits, minlength=10)

    def column(self, key: str) -> np.ndarray:
        """A column of the history, (epochs,)."""
        return np.array([row[key] for row in self.history])


def read_model(name: str, design: DesignParams) -> ModelResults:
    """The results of one model of params.yaml. Raises UserError if a file is missing."""
    history = _csv(paths.history(name))
    folder = paths.SCORES / name
    model = ModelResults(
        name=name,
        design=design,
        history=[{key: float(value) for key, value in row.items()} for row in history],
        checkpoints=_json(folder / "scores.json"),
        predictions=_csv(folder / "predictions.csv"),
        step_study=_json(paths.STEP_STUDY / f"{name}.json"),
        likelihood=_json(paths.LIKELIHOOD / f"{name}.json"),
        environment=records.read_record(records.find("train", name)).model_dump(),
    )
    losses = {row["epoch"]: row["validation_loss"] for row in model.history}
    if losses.get(model.best["epoch"]) != model.lowest_loss["validation_loss"]:
        raise UserError(
            f"the best epoch of {name} in {folder / 'scores.json'}, {model.best['epoch']}, is not "
            f"that of the smallest loss in {paths.history(name)}: run dvc repro"
        )
    return model


def _json(path: Path) -> Any:
    return plain(tables.read_json(path))


def _csv(path: Path) -> list[dict[str, str]]:
    return plain(tables.read_csv(path))


def read_real() -> Scores:
    """The scores of real images. Raises UserError if the file is missing."""
    return _json(paths.REAL_SCORES)


def read_classifier() -> dict[str, Any]:
    """The scores of the classifier. Raises UserError if the file is missing."""
    return _json(paths.CLASSIFIER_SCORES)


def read_frequencies() -> np.ndarray:
    """The frequencies of the real digits, (10,). Raises UserError if the file is missing."""
    return checkpoints.load_arrays(paths.REAL_FEATURES)["frequencies"]


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
    groups = grouped(models, lambda model: model.name in published)
    return groups.get(True, []), groups.get(False, [])


def by_kind(models: Iterable[ModelResults]) -> dict[str, list[ModelResults]]:
    """The models of each kind of degradation, in the order of their first models."""
    return grouped(models, lambda model: model.kind)


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items with each value of a key, in the order of the first items."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups

"""report/scores.json: all scores of the best checkpoint of each model, for other programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from diffusion.reporting.results import ModelResults, Scores
from diffusion.runtime import paths
from diffusion.runtime.files import read_csv

HEADLINE = (
    "is",
    "is_std",
    "is_published_definition",
    "is_published_definition_std",
    "fid",
    "fid_infinite",
    "validation_fid",
    "inception_fid",
    "kid",
    "precision",
    "recall",
    "density",
    "coverage",
    "class_distance",
    "zeros",
    "components",
    "nearest_training_distance",
    "label_accuracy",
)
RESTORATION = ("psnr", "ssim", "rmse", "is", "fid")  # of each set of a model that restores


def scores(models: Iterable[ModelResults], real: Scores, accuracy: float) -> dict[str, Any]:
    """<model>.<metric> of the best checkpoint, `real` at the same N, and `classifier`.

    A model that restores also has <model>.restoration.<set>.<metric>: of each sampler, of one
    step, of the median filter, and of the degraded images themselves. A categorical model has
    <model>.likelihood.<code>, in bits per pixel.
    """
    entries: dict[str, Any] = {
        "classifier": {"accuracy": accuracy},
        "real": select(real, HEADLINE),
    }
    for model in models:
        entry: dict[str, Any] = {
            "best_epoch": model.best["epoch"],
            "validation_loss": min(row["validation_loss"] for row in model.history),
        }
        entry |= select(model.scores, HEADLINE)
        if model.likelihood:
            entry["likelihood"] = model.likelihood
        if model.restores:
            entry["restoration"] = {
                key: select(scores, RESTORATION) for key, scores in model.best["sets"].items()
            }
        entries[model.name] = entry
    return entries


def select(scores: Scores, keys: Iterable[str]) -> Scores:
    """The scores with one of these keys, in the order of the keys."""
    return {key: scores[key] for key in keys if key in scores}


def films() -> dict[str, dict[str, list[Any]]]:
    """By model: the steps t of the frames of its film, and the sets that have one."""
    found: dict[str, dict[str, list[Any]]] = {}
    for row in read_csv(paths.PLOTS / "films.csv"):
        film = found.setdefault(row["model"], {"steps": [], "sets": []})
        if row["set"] not in film["sets"]:
            film["sets"].append(row["set"])
        if row["set"] == film["sets"][0]:
            film["steps"].append(int(row["t"]))
    return found


def training_compute(models: Iterable[ModelResults]) -> dict[str, float]:
    """Multiply-adds of training up to the best checkpoint, by model, from report/plots."""
    spent = {(row["model"], int(row["epoch"])): row for row in read_csv(paths.COMPUTE)}
    return {m.name: float(spent[m.name, m.best["epoch"]]["multiply_adds"]) for m in models}

"""report/scores.json: all scores of the best checkpoint of each model, for other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hotcold.reporting.reading import schemas
from hotcold.reporting.reading.results import ModelResults, Scores
from hotcold.reporting.reading.sources import damaged, read_table, read_text
from hotcold.runtime import paths

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
LOSS = paths.PLOTS / "loss.csv"
FILMS = paths.PLOTS / "films.csv"
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


def films(models: Iterable[ModelResults]) -> dict[str, dict[str, list[Any]]]:
    """By model: the steps t of the frames of its film, and the sets that have one. Raises UserError
    if the table is missing or damaged."""
    found: dict[str, dict[str, list[Any]]] = {}
    for row in read_table(FILMS, schemas.FilmFrame):
        film = found.setdefault(row["model"], {"steps": [], "sets": []})
        if row["set"] not in film["sets"]:
            film["sets"].append(row["set"])
        if row["set"] == film["sets"][0]:
            film["steps"].append(int(row["t"]))
    if set(found) != {model.name for model in models} or row["t"] != "0":
        raise damaged(FILMS, "it has not the films of all models")
    return found


def training_compute(models: Iterable[ModelResults]) -> dict[str, float]:
    """Multiply-adds of training up to the best checkpoint, by model, from report/plots. Raises
    UserError if the table is missing or damaged, or is of another run."""
    rows = read_of_checkpoints(paths.COMPUTE, schemas.Compute, models)
    return {m.name: float(rows[m.name, m.best["epoch"]]["multiply_adds"]) for m in models}


def read_of_checkpoints(
    path: Path, schema: Any, models: Iterable[ModelResults]
) -> dict[tuple[str, int], dict[str, str]]:
    """The rows of a table by model and epoch. Raises UserError if it is missing or damaged, or has
    not one row for each checkpoint."""
    rows = read_table(path, schema)
    found = {(row["model"], int(row["epoch"])): row for row in rows}
    expected = {(m.name, checkpoint["epoch"]) for m in models for checkpoint in m.checkpoints}
    if len(rows) != len(found) or set(found) != expected:
        raise damaged(path, "it has not one row for each checkpoint of results/scores")
    return found


def is_here(row: Mapping[str, str]) -> bool:
    """Whether a row is of this repository, and not published."""
    return row["source"] == "here"


def plots(models: Iterable[ModelResults]) -> dict[str, str]:
    """Name -> CSV of every table of report/plots. Raises UserError if one is damaged, or if the
    scores of the checkpoints are missing."""
    read_of_checkpoints(paths.PLOTS / "fid.csv", schemas.Fid, models)
    losses = Counter(row["model"] for row in read_table(LOSS, schemas.Loss) if is_here(row))
    if losses != {model.name: len(model.history) for model in models}:
        raise damaged(LOSS, "it has not one row for each epoch of results/history")
    tables = {}
    for path in sorted(paths.PLOTS.glob("*.csv")):
        tables[path.stem] = read_text(path)
        if tables[path.stem].count("\n") != 1:  # a head alone: there was nothing to draw
            read_table(path, schemas.Row)
    return tables

"""report/scores.json: all scores of the best checkpoint of each model, for other programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hotcold.numerics import tables
from hotcold.reporting.reading.results import ModelResults, Scores
from hotcold.runtime import files, paths
from hotcold.scores import Place, shown


def scores(models: Iterable[ModelResults], real: Scores, accuracy: float) -> dict[str, Any]:
    """<model>.<metric> of the best checkpoint, `real` at the same N, and `classifier`.

    A model that restores also has <model>.restoration.<set>.<metric>: of each sampler, of one
    step, of the median filter, and of the degraded images themselves. A categorical model has
    <model>.likelihood.<code>, in bits per pixel.
    """
    entries: dict[str, Any] = {"classifier": {"accuracy": accuracy}}
    entries["real"] = select(real, "summary")
    for model in models:
        entry: dict[str, Any] = {
            "best_epoch": model.best["epoch"],
            "validation_loss": model.lowest_loss["validation_loss"],
        }
        entry |= select(model.scores, "summary")
        if model.likelihood:
            entry["likelihood"] = model.likelihood
        if model.restores:
            entry["restoration"] = {
                key: select(scores, "restoration") for key, scores in model.best["sets"].items()
            }
        entries[model.name] = entry
    return entries


def select(scores: Scores, place: Place) -> Scores:
    """The scores that a place shows, as far as they are known."""
    return {score.key: scores[score.key] for score in shown(place) if score.key in scores}


def films(models: Iterable[ModelResults]) -> dict[str, dict[str, list[Any]]]:
    """By model: the steps t of the frames of its film, and the sets that have one."""
    found: dict[str, dict[str, list[Any]]] = {m.name: {"steps": [], "sets": []} for m in models}
    for row in tables.read_csv(paths.PLOTS / "films.csv"):
        film = found[row["model"]]
        if row["set"] not in film["sets"]:
            film["sets"].append(row["set"])
        if row["set"] == film["sets"][0]:
            film["steps"].append(int(row["t"]))
    return found


def training_compute(models: Iterable[ModelResults]) -> dict[str, float]:
    """Multiply-adds of training up to the best checkpoint, by model, from report/plots."""
    rows = tables.read_csv(paths.COMPUTE)
    spent = {(row["model"], int(row["epoch"])): float(row["multiply_adds"]) for row in rows}
    return {model.name: spent[model.name, model.best["epoch"]] for model in models}


def plots() -> dict[str, str]:
    """Name -> CSV of every table of report/plots."""
    return {path.stem: files.read_text(path) for path in sorted(paths.PLOTS.glob("*.csv"))}

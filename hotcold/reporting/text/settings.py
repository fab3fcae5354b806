"""The settings of models as a table, with the published value where it differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotcold.models.params import DesignParams
from hotcold.reporting.reading.results import ModelResults

Recipe = Mapping[str, Any]  # the block `training` of a model
NONE = "–"
LABELS = {  # of the published tables
    "hidden": "hidden units",
    "schedule": "schedule",
    "T": "steps T",
    "dropout": "spatial dropout",
    "learning_rate": "learning rate",
    "plateau": "plateau: factor, patience",
}
FURTHER_LABELS = {  # shown if a model is not in the published report
    "hidden": "hidden units or channels",
    "predicts": "prediction",
    "ema": "EMA decay",
    "warmup": "warm-up (share of steps), then cosine decay",
    "stratified_t": "stratified t",
    "sees": "the network also sees",
    "label_dropout": "share of labels left out",
}


def settings_table(
    models: Sequence[ModelResults],
    recipes: Mapping[str, Recipe],
    schedule: str,
    published: Mapping[str, Any],
) -> list[list[str]]:
    """One row for each setting: its label, and its value for each model.

    recipes: by model. schedule: the label of this row.
    published: by model, as in report/published/scores.yaml.
    """
    labels = LABELS | {"schedule": schedule}
    if any(model.name not in published for model in models):
        labels |= FURTHER_LABELS
    columns = []
    for model in models:
        here = settings(model.design, recipes[model.name])
        there = published_settings(published.get(model.name, {}).get("settings"))
        differing = {key: value for key, value in there.items() if value != here[key]}
        columns.append(
            here | {k: f"{here[k]} (published: {value})" for k, value in differing.items()}
        )
    return [[label, *(column[key] for column in columns)] for key, label in labels.items()]


def settings(design: DesignParams, recipe: Recipe) -> dict[str, str]:
    """The settings of one model."""
    plateau = recipe["plateau"]
    return {
        "hidden": design.network.size,
        "schedule": design.degradation.range,
        "T": str(design.degradation.T),
        "dropout": str(getattr(design.network, "dropout", 0) or NONE),
        "learning_rate": str(recipe["learning_rate"]),
        "plateau": f"{plateau['factor']}, {plateau['patience']}" if plateau else NONE,
        "predicts": design.predicted.symbol,
        "ema": NONE if recipe["ema"] is None else str(recipe["ema"]),
        "warmup": NONE if recipe["warmup"] is None else str(recipe["warmup"]),
        "stratified_t": "yes" if recipe["stratified_t"] else NONE,
        "sees": sees(design),
        "label_dropout": str(recipe["label_dropout"] or NONE),
    }


def sees(design: DesignParams) -> str:
    """What the network gets besides x_t and t."""
    return "the label" if design.classes else design.degradation.sees or NONE


def published_settings(known: Mapping[str, Any] | None) -> dict[str, str]:
    """The published settings of one model; empty if it is not in the published report."""
    if not known:
        return {}
    lists = {"schedule": " to ", "hidden": ", ", "plateau": ", "}  # with these separators
    return {
        key: lists[key].join(map(str, known[key]))
        if key in lists and key in known
        else str(known.get(key, NONE))
        for key in LABELS
    }

"""The numbers of the published report: for comparison only, never a result of this repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hotcold.reporting.reading import schemas
from hotcold.reporting.reading.sources import read_table, read_yaml
from hotcold.runtime import paths

PUBLISHED_SCORES = paths.PUBLISHED / "scores.yaml"
CLAIMS = paths.PUBLISHED / "claims.yaml"
CITATION = Path("CITATION.cff")
LOSSES = paths.PUBLISHED / "losses_model3.csv"
Published = dict[str, Any]
Losses = tuple[np.ndarray, np.ndarray, np.ndarray]  # epoch, training loss, validation loss


def read_published(kinds: Mapping[str, tuple[str, bool]]) -> Published:
    """scores.yaml without the models that are something else here. Raises UserError if it, or the
    table of losses, is missing or wrong.

    kinds: of each model of this run, its kind of degradation and whether it restores.
    """
    read_losses()
    published = read_yaml(PUBLISHED_SCORES, schemas.Published)
    models = published["models"].items()
    alike = {name: each for name, each in models if kinds.get(name, each["kind"]) == each["kind"]}
    return published | {"models": alike}


def read_claims() -> dict[str, Any]:
    """All of claims.yaml. Raises UserError if the file is missing or wrong."""
    return read_yaml(CLAIMS, schemas.Claims)


def read_citation() -> dict[str, Any]:
    """Who wrote the article, and its licence. Raises UserError if the file is missing or wrong."""
    return read_yaml(CITATION, schemas.Citation)


def read_losses() -> Losses:
    """The published losses of model3. Raises UserError if the file is missing or wrong."""
    rows = read_table(LOSSES, schemas.PublishedLosses)
    epoch, training, validation = np.array([[float(v) for v in row.values()] for row in rows]).T
    return epoch, training, validation


def published_fids(
    published: Published, model: str, roles: Iterable[str]
) -> list[tuple[int, float]]:
    """(epoch, FID) of the published checkpoint of each role; empty if no FID of the model is known.

    roles: `early`, `best` or `last`.
    """
    entry = published["models"].get(model, {})
    if "fid" not in entry:
        return []
    early, best, last = published["early_epoch"], entry["best_epoch"], published["epochs"]
    by_role = {"early": early, "best": best, "last": last}
    return [(by_role[role], entry["fid"][by_role[role]]) for role in roles]


def published_losses(published: Published) -> dict[str, Losses]:
    """The published losses by model, as far as they are known; NaN where one is not."""
    known: dict[str, Losses] = {}
    for name, entry in published["models"].items():
        points = {}
        if "first_epoch" in entry:
            points[1] = entry["first_epoch"]
        if "validation_loss" in entry:
            points[entry["best_epoch"]] = [np.nan, entry["validation_loss"]]
        if points:
            training, validation = np.array(list(points.values())).T
            known[name] = (np.array(list(points)), training, validation)
    return known | {"model3": read_losses()}

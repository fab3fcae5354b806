"""What the evaluated models left in results/, read back for figures and report."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.errors import UserError

RESULTS = Path("results")


@dataclass(frozen=True)
class ModelResults:
    """One model's loss history, scored checkpoints (in order of epoch) and predictions."""

    name: str
    kind: str  # gaussian | impulse
    history: list[dict[str, float]]
    checkpoints: list[dict[str, Any]]
    predictions: list[dict[str, str]]

    @property
    def best(self) -> dict[str, Any]:
        """The checkpoint of the smallest validation loss."""
        return next(c for c in self.checkpoints if "best" in c["roles"])

    @property
    def main(self) -> dict[str, float]:
        """Scores of the best checkpoint, by the sampler of the published report."""
        return self.best["sets"][self.best["main"]]


def read_json(path: Path) -> Any:
    """Raises UserError where the file is missing."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run dvc repro") from None


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows by column name. Raises UserError where the file is missing."""
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run dvc repro") from None


def read_model(name: str, kind: str) -> ModelResults:
    """The results of one model of params.yaml. Raises UserError where there are none."""
    history = [
        {key: float(value) for key, value in row.items()}
        for row in read_csv(RESULTS / "models" / name / "history.csv")
    ]
    folder = RESULTS / "scores" / name
    return ModelResults(
        name,
        kind,
        history,
        read_json(folder / "scores.json"),
        read_csv(folder / "predictions.csv"),
    )

"""What the evaluated models left in results/, read back for figures and report."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusion.models.params import Impulse, Model
from diffusion.runtime.errors import UserError

RESULTS = Path("results")
TIMES = Path("report/times")


@dataclass(frozen=True)
class ModelResults:
    """What is known of one model."""

    name: str
    kind: str  # of degradation, as in params.yaml
    run: dict[str, Any]  # device, precision and versions it was trained with
    history: list[dict[str, float]]  # a row an epoch
    seconds: list[float] | None  # from the start to the end of each epoch, where known
    checkpoints: list[dict[str, Any]]  # scored ones, in order of epoch
    predictions: list[dict[str, str]]  # of every scored image
    steps: list[dict[str, float]]  # scores by number of strided steps and eta
    prediction: str = "eps"  # what the network says, see diffusion.models.predictions
    from_nothing: bool = False  # whether its x_T has nothing of an image

    @property
    def best(self) -> dict[str, Any]:
        """The checkpoint of the smallest validation loss."""
        return next(c for c in self.checkpoints if "best" in c["roles"])

    @property
    def main(self) -> dict[str, float]:
        """Scores of the best checkpoint, by the model's own sampler or the published report's."""
        return self.best["sets"][self.best["main"]]

    @property
    def generates(self) -> bool:
        """Whether its images come from noise alone, with nothing of an image in it."""
        noise = self.kind == "impulse" and self.best.get("start") == "noise"
        return self.kind == "gaussian" or self.from_nothing or noise

    @property
    def restores(self) -> bool:
        """Whether the cold samplers made its images, from degraded ones."""
        return "improved" in self.best["sets"]

    @property
    def best_predictions(self) -> list[dict[str, str]]:
        """Of the images that `main` scores, in their order."""
        best = (str(self.best["epoch"]), self.best["main"])
        return [row for row in self.predictions if (row["epoch"], row["set"]) == best]


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


def read_times(name: str, history: Path) -> list[float] | None:
    """Seconds at the end of each epoch, or None where those at hand are of another training."""
    path = TIMES / f"{name}.json"
    if not path.exists():
        return None
    times = read_json(path)
    same = times["history_sha256"] == hashlib.sha256(history.read_bytes()).hexdigest()
    return times["seconds"] if same else None


def read_model(name: str, block: Model) -> ModelResults:
    """The results of one model of params.yaml. Raises UserError where there are none."""
    trained, scored = RESULTS / "models" / name, RESULTS / "scores" / name
    history = trained / "history.csv"
    return ModelResults(
        name=name,
        kind=block.degradation.kind,
        history=[{k: float(v) for k, v in row.items()} for row in read_csv(history)],
        seconds=read_times(name, history),
        run=read_json(trained / "run.json"),
        checkpoints=read_json(scored / "scores.json"),
        predictions=read_csv(scored / "predictions.csv"),
        steps=read_json(RESULTS / "steps" / f"{name}.json"),
        prediction=block.predicts,
        from_nothing=isinstance(block.degradation, Impulse) and block.degradation.rho[1] == 0.5,
    )

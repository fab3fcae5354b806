"""Tables of more than one run, which a command of `tools` writes and the report shows.

The commands take hours, so git holds the tables. A row names the commit at which it was computed,
and has a hash of the settings, so that the report leaves out a row that was computed with others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusion.reporting.results import whole
from diffusion.runtime import paths
from diffusion.runtime.files import read_csv, write_csv
from diffusion.runtime.params import load

SETTINGS = ("seed", "precision", "data", "classifier", "training", "sampling", "evaluation")
SCORES = (
    *(f"{score}{side}" for score in ("fid", "is") for side in ("", "_below", "_above")),
    *(f"{score}{side}" for score in ("precision", "recall") for side in ("", "_std")),
)

Row = dict[str, Any]


def read_settings() -> dict[str, Any]:
    """The part of params.yaml on which scores depend."""
    params = load()
    return {key: params.get(key) for key in (*SETTINGS, "models")}


@dataclass(frozen=True)
class Table:
    """varied: the setting that differs between the rows of a model, `seed` or a key of its
    degradation."""

    path: Path
    varied: str

    @property
    def columns(self) -> tuple[str, ...]:
        return ("model", self.varied, "epoch", "commit", "settings", *SCORES)

    def read(self) -> list[Row]:
        """Every row; none if there is no table. Raises UserError if the table is damaged."""
        if not self.path.exists():
            return []
        command = f"git checkout {self.path}"
        with whole(f"the rows of {self.path}", command):
            rows = read_csv(self.path, command)
            for row in rows:
                if tuple(row) != self.columns:
                    raise ValueError(f"its columns must be {', '.join(self.columns)}")
                for key in (self.varied, "epoch", *SCORES):
                    float(row[key])
        return list(rows)

    def add(self, row: Row) -> None:
        """Write a row, in place of an earlier one of the same model, value and settings."""
        keys = ("model", self.varied, "settings")
        rows = {tuple(str(each[key]) for key in keys): each for each in [*self.read(), row]}
        table = [
            [each[key] for key in self.columns] for each in sorted(rows.values(), key=self._order)
        ]
        write_csv(self.path, self.columns, table)

    def rows(self, params: Mapping[str, Any]) -> list[Row]:
        """The rows with the settings of params.yaml, by increasing values of the varied one; scores
        as numbers."""
        rows = [
            {**row} | {key: float(row[key]) for key in SCORES}
            for row in self.read()
            if row["model"] in params["models"]
            and row["settings"] == self.settings(params, row["model"])
        ]
        return sorted(rows, key=self._order)

    def settings(self, params: Mapping[str, Any], model: str) -> str:
        """A hash of the settings on which the scores of a model depend, but the varied one."""
        block = params["models"][model]
        degradation = {k: v for k, v in block["degradation"].items() if k != self.varied}
        kept = {key: params.get(key) for key in SETTINGS if key != self.varied}
        kept["model"] = block | {"degradation": degradation}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:10]

    def _order(self, row: Row) -> tuple[str, float]:
        return row["model"], float(row[self.varied])


NOISE_AXIS = Table(paths.REPORT / "measured/noise_axis.csv", "noise")  # of tools.noise_axis
SEEDS = Table(paths.REPORT / "measured/seeds.csv", "seed")  # of tools.retrain

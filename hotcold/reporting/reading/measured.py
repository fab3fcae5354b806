"""Tables of more than one run, which a command of `tools` writes and the report shows.

The commands take hours, so git holds the tables. A row has the commit, code and PyTorch by which it
was computed, and a hash of the settings: the report leaves out a row of others, and counts those
that other code or another PyTorch than that of the results computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hotcold.models import kinds
from hotcold.numerics.tables import read_json, write_csv
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.reading.schemas import Measured, WholeNumber, measured
from hotcold.reporting.reading.sources import MEASURED, read_table
from hotcold.runs.records import UNKNOWN
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Share, load
from hotcold.sampling.params import samplers_for
from hotcold.scores import UNLABELLED, find, shown

SETTINGS = ("seed", "precision", "data", "classifier", "training", "sampling", "evaluation")

Row = dict[str, Any]
Key = tuple[str, tuple[Decimal, ...], str]  # of a row: model, values and settings


def score_columns() -> list[str]:
    """The columns of scores, each with its spread."""
    return [column for score in shown("measured") for column in score.columns]


def read_settings() -> dict[str, Any]:
    """The part of params.yaml on which scores depend."""
    params = load()
    return {key: params.get(key) for key in (*SETTINGS, "models")}


@dataclass(frozen=True)
class Table:
    """varied: the settings that differ between the rows of a model, `seed`, `draw`, `redrawn`,
    `overwritten` or a key of its degradation or training. schema: of a row. stages: that computed
    it. further: columns beside those of all tables."""

    path: Path
    varied: tuple[str, ...]
    schema: type[Measured]
    stages: tuple[str, ...]
    further: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        own = ("model", *self.varied, "epoch", "commit", "code", "torch", "settings")
        return *own, *score_columns(), *self.further

    def read(self) -> list[Row]:
        """Every row; none if there is no table. Raises UserError if the table is damaged, or has
        two rows of the same model, values and settings."""
        if not self.path.exists():
            return []
        rows: list[Row] = list(read_table(self.path, self.schema))
        if tuple(rows[0]) != self.columns:
            raise UserError(f"{self.path}: its columns must be {', '.join(self.columns)}")
        first: dict[Key, int] = {}
        for line, row in enumerate(rows, start=2):
            earlier = first.setdefault(self._key(row), line)
            if earlier != line:
                raise UserError(f"{self.path}: lines {earlier} and {line} are of the same run")
        return rows

    def add(self, row: Row) -> None:
        """Write a row, in place of an earlier one of the same model, values and settings. Raises
        UserError if the table is damaged."""
        rows = {self._key(each): each for each in [*self.read(), row]}
        table = sorted(rows.values(), key=self._order)
        write_csv(self.path, self.columns, [[each[key] for key in self.columns] for each in table])

    def rows(self, params: Mapping[str, Any]) -> list[Row]:
        """The rows with the settings of params.yaml, by increasing values of the varied ones;
        scores as numbers."""
        rows = [
            {**row}
            | {key: float(row[key]) for key in (*score_columns(), *self.further) if row[key]}
            for row in self.read()
            if row["model"] in params["models"]
            and row["settings"] == self.settings(params, row["model"])
        ]
        return sorted(rows, key=self._order)

    def origin(self, model: str, read: Callable[[Path], Any] = read_json) -> Row:
        """`code`, a hash of the code, and `torch`, the versions of PyTorch, of the stages of a row;
        read: a record from its path, by default that of the results."""
        found = [read(paths.RECORDS / stage / f"{model}.json") for stage in self.stages]
        codes = [record["code"] for record in found]
        versions = sorted({record["torch"] for record in found})
        return {
            "code": hashlib.sha256("".join(codes).encode()).hexdigest()[:10],
            "torch": ", ".join(versions),
        } | {k: UNKNOWN for k, v in (("code", codes), ("torch", versions)) if UNKNOWN in v}

    def of_others(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that are not known to be of the code and the PyTorch of the results of their
        models."""
        known = {row["model"]: self.origin(row["model"]) for row in rows}
        return [r for r in rows if UNKNOWN in r.values() or r | known[r["model"]] != r]

    def settings(self, params: Mapping[str, Any], model: str) -> str:
        """A hash of the settings on which the scores of a model depend, but the varied ones."""
        block = params["models"][model]
        parts = {
            part: {k: v for k, v in block[part].items() if k not in self.varied}
            for part in ("degradation", "training")
        }
        kept = {key: params.get(key) for key in SETTINGS if key not in self.varied}
        kept["sampling"] = {
            k: v for k, v in params["sampling"].items() if k != "seed" or v is not None
        }
        kept["model"] = block | parts
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:10]

    def _order(self, row: Row) -> tuple[str, tuple[Decimal, ...]]:
        return row["model"], tuple(Decimal(row[key]) for key in self.varied)

    def _key(self, row: Row) -> Key:
        return *self._order(row), row["settings"]


# Of tools.vary.
DRAWN = ("sample", "evaluate")
TRAINED = ("train", *DRAWN)
UNTRAINED = tuple(column for key in UNLABELLED for column in find(key).columns)
NOISE_AXIS = Table(
    MEASURED / "noise_axis.csv",
    ("noise", "seed"),
    measured(noise=Share, seed=WholeNumber),
    TRAINED,
)
SEEDS = Table(MEASURED / "seeds.csv", ("seed",), measured(seed=WholeNumber), TRAINED)
DRAWS = Table(  # label_accuracy: empty for a model without labels
    MEASURED / "draws.csv",
    ("draw",),
    measured(draw=WholeNumber, label_accuracy=str),
    DRAWN,
    (*UNTRAINED, "label_accuracy"),
)
REDRAWN, OVERWRITTEN = (
    Table(
        MEASURED / f"{k}.csv", (k,), measured(**{k: Share}, commonest=Share), DRAWN, ("commonest",)
    )
    for k in ("redrawn", "overwritten")
)
EPOCHS = Table(
    MEASURED / "epochs.csv", ("epochs",), measured(epochs=WholeNumber), TRAINED, UNTRAINED
)


def by_other_samplers(models: Iterable[ModelResults], params: Mapping[str, Any]) -> list[Row]:
    """The rows of NOISE_AXIS by further samplers of the process of a model, in their complete
    form, each with the name of the `sampler`."""
    found = []
    for model in models:
        block = params["models"][model.name]
        for kind in samplers_for(model.kind, model.predicts):
            if kind == model.sampler.kind:
                continue
            sampler = kinds.params("samplers", kind).complete(model.design.degradation.T)
            other = {"models": {model.name: block | {"sampler": sampler.model_dump()}}}
            name = {"sampler": sampler.sets[sampler.main_set]}
            found += [row | name for row in NOISE_AXIS.rows({**params, **other})]
    return found


def doses(
    models: Iterable[ModelResults], params: Mapping[str, Any], table: Table = REDRAWN
) -> list[Row]:
    """The rows of REDRAWN or OVERWRITTEN of the best checkpoint of each model, by increasing
    `share`, after that of the improved sampler, share 0, and of REDRAWN before that of the naive
    one, share 1. None for a model without."""
    found = []
    ends = {"0": "improved"} | ({"1": "naive"} if table == REDRAWN else {})
    rows = [row | {"share": row[table.varied[0]]} for row in table.rows(params)]
    for model in models:
        best = (model.name, str(model.best["epoch"]))
        own = [r for r in rows if (r["model"], r["epoch"]) == best and r["share"] not in ends]
        for share, key in ends.items() if own else ():
            counts = model.digit_counts(key)
            row = {"model": model.name, "share": share, "commonest": counts.max() / counts.sum()}
            own.append(model.best["sets"][key] | row)
        found += sorted(own, key=lambda row: float(row["share"]))
    return found

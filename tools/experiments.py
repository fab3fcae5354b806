"""DVC's own records of experiments, as rows of settings and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dvc.api
import yaml

Row = dict[str, Any]


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        result |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return result


def metrics() -> set[str]:
    """Names of the metrics of the workspace."""
    return set(flat(json.loads(Path("report/metrics.json").read_text())))


def sections() -> set[str]:
    """Of params.yaml."""
    return set(yaml.safe_load(Path("params.yaml").read_text()))


def rows() -> list[Row]:
    """What `dvc exp show` shows, one mapping for each line, with dotted keys."""
    return dvc.api.exp_show()


def finished(rows: Iterable[Row]) -> list[Row]:
    """Experiments that came to their end."""
    return [row for row in rows if row.get("Experiment") and row["State"] in (None, "Success")]


def varied(rows: list[Row], sections: set[str], metrics: set[str]) -> list[str]:
    """Settings, other than the seed, that differ between experiments."""
    keys = set().union(*rows) - metrics - {"seed"}
    settings = {key for key in keys if key.split(".")[0] in sections}
    return sorted(key for key in settings if len({str(row.get(key)) for row in rows}) > 1)

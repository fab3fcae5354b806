"""DVC's records of experiments, as rows of settings and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dvc.api

from diffusion.runtime import files, paths
from diffusion.runtime.params import load

Row = dict[str, Any]


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        result |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return result


def metrics() -> set[str]:
    """Names of the metrics of the workspace. Raises UserError if there are none."""
    return set(flat(files.read_json(paths.REPORT / "metrics.json")))


def sections() -> set[str]:
    """The sections of params.yaml."""
    return set(load())


def rows() -> list[Row]:
    """The lines of `dvc exp show`, as mappings with dotted keys."""
    return dvc.api.exp_show()


def finished(rows: Iterable[Row]) -> list[Row]:
    """The experiments that have finished successfully."""
    return [row for row in rows if row.get("Experiment") and row["State"] in (None, "Success")]


def varied(rows: list[Row], sections: set[str], metrics: set[str]) -> list[str]:
    """Settings, other than the seed, that differ between experiments."""
    keys = set().union(*rows) - metrics - {"seed"}
    settings = {key for key in keys if key.split(".")[0] in sections}
    return sorted(key for key in settings if len({str(row.get(key)) for row in rows}) > 1)

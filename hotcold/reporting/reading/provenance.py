"""Where the results come from: hardware, versions and commit."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from typing import Any

from hotcold.reporting.reading.sources import plain
from hotcold.runs import records

PACKAGES = ("numpy", "matplotlib", "dvc")
SOURCES = ("hotcold", "stages", "params.yaml", "dvc.yaml")


def environments() -> dict[str, dict[str, list[str]]]:
    """Stage -> device, precision and versions in words -> the models whose results it computed with
    them, or none for a stage that runs once. Raises UserError if a record is missing or damaged."""
    found: dict[str, dict[str, list[str]]] = {}
    for stage in dict.fromkeys(records.of_results().values()):
        name, _, model = stage.name.partition("@")
        models = found.setdefault(name, {}).setdefault(words(records.read_record(stage)), [])
        models += [model] * bool(model)
    return found


def words(record: records.Record) -> str:
    """Where the results of a stage were computed, as far as its record says."""
    values: dict[str, Any] = plain(record.model_dump())
    several = isinstance(values["processes"], int) and values["processes"] > 1
    ranks = f"{values['processes']} × " if several else ""
    device = ranks + values["device"].replace("with 1 threads", "with 1 thread")
    parts = [device, *(values[key] for key in ("cpu", "precision", "system"))]
    parts += [f"{name} {values[name]}" for name in ("python", "torch", *records.VERSIONS)]
    known = [part for part in parts if not part.endswith(records.UNKNOWN)]
    return ", ".join(known) or records.UNKNOWN


def commit() -> str:
    """The last commit that changed code or parameters, and whether they have changed since.

    In a shallow clone git takes the oldest commit for one that added every file: unknown.
    """

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", *SOURCES)
        last, *parents = git("log", "-1", "--format=%H %P", "--", *SOURCES).split() or ["none yet"]
        is_shallow = git("rev-parse", "--is-shallow-repository") == "true"
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "none: not a git repository"
    if is_shallow and not parents:
        return "unknown: the clone is shallow"
    return f"{last[:10]} with uncommitted changes" if changed else last[:10]


def packages() -> dict[str, str]:
    """The versions of Python and of the packages that make the report."""
    return {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}

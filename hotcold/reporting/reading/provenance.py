"""Where the results come from: hardware, versions and commit."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.sources import MEASURED, plain
from hotcold.runs import records

PACKAGES = ("numpy", "matplotlib", "dvc")
SOURCES = ("hotcold", "stages", "params.yaml", "dvc.yaml")
TEXTS = ("report/published", "report/templates", "report/references.bib")


def environments() -> dict[str, dict[str, list[str]]]:
    """Stage -> device, precision and versions in words -> the models whose results it computed with
    them, or none for a stage that runs once. Raises UserError if a record is missing or damaged."""
    found: dict[str, dict[str, list[str]]] = {}
    for stage in dict.fromkeys(records.of_results().values()):
        name, _, model = stage.name.partition("@")
        models = found.setdefault(name, {}).setdefault(words(records.read_record(stage)), [])
        models += [model] * bool(model)
    return found


def of_other_code() -> list[str]:
    """How many results of each stage are not known to be of the present code: `train (2 of 11)`."""
    found: dict[str, list[bool]] = {}
    for stage in dict.fromkeys(records.of_results().values()):
        is_other = records.read_record(stage).code != stage.digest()
        found.setdefault(stage.name.partition("@")[0], []).append(is_other)
    return [f"{name} ({sum(each)} of {len(each)})" for name, each in found.items() if any(each)]


def words(record: records.Record) -> str:
    """Where the results of a stage were computed, as far as its record says."""
    values: dict[str, Any] = plain(record.model_dump())
    several = isinstance(values["processes"], int) and values["processes"] > 1
    ranks = f"{values['processes']} × " if several else ""
    device = ranks + values["device"].replace("with 1 threads", "with 1 thread")
    parts = [device, *(values[key] for key in ("cpu", "precision", "system"))]
    parts += [f"{name} {values[name]}" for name in ("python", "torch", *records.VERSIONS)]
    parts += [f"{name}={value}" for name, value in values.get("variables", {}).items()]
    known = [part for part in parts if not part.endswith(records.UNKNOWN)]
    return ", ".join(known) or records.UNKNOWN


def commit(*further: str) -> str:
    """The last commit that changed code, parameters or further paths, and whether they have changed
    since.

    In a shallow clone, git takes the oldest commit that it has for the one that added every file.
    """
    try:
        sources = ("--", *SOURCES, *further)
        changed = git("status", "--porcelain", *sources)
        last = git("log", "-1", "--format=%H", *sources) or "none yet"
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "none: not a git repository"
    return f"{last[:10]} with uncommitted changes" if changed else last[:10]


def measured(rows: Iterable[Row]) -> list[str]:
    """The commits at which rows of report/measured were computed, each as far as git has it, and
    whether git has the tables as they are."""
    found = []
    for words in sorted({row["commit"] for row in rows}):
        try:
            git("cat-file", "-e", f"{words.partition(' ')[0]}^{{commit}}")
        except (subprocess.CalledProcessError, FileNotFoundError):
            words += " (not in this repository)"
        found.append(words)
    with suppress(subprocess.CalledProcessError, FileNotFoundError):
        if git("status", "--porcelain", "--", str(MEASURED)):
            found.append("with uncommitted rows")
    return found


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def packages() -> dict[str, str]:
    """The versions of Python and of the packages that make the report."""
    return {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}

"""Where the results come from: hardware, versions and commit."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version

from hotcold.reporting.reading.results import ModelResults

PACKAGES = ("torch", "torchvision", "torchmetrics", "numpy", "matplotlib", "dvc")
SOURCES = ("hotcold", "stages", "params.yaml", "dvc.yaml")


def trained_on(models: Iterable[ModelResults]) -> dict[str, list[str]]:
    """Device, precision and versions in words -> the models trained with them."""
    groups: dict[str, list[str]] = {}
    for model in models:
        run = model.run
        ranks = f"{run['processes']} × " if run["processes"] > 1 else ""
        versions = f"Python {run['python']}, torch {run['torch']}"
        device = run["device"].replace("with 1 threads", "with 1 thread")
        words = f"{ranks}{device}, {run['precision']}, {run['system']}, {versions}"
        groups.setdefault(words, []).append(model.name)
    return groups


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

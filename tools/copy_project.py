"""Copy the project's files to a folder where it can run without touching this one:

hotcold copy-project FOLDER [--quick]

Uncommitted changes are copied too. The copy has a separate params.yaml, dvc.lock, cache and report,
and no git. FOLDER must be new or empty, or an earlier copy, which is replaced.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import yaml

from hotcold.commands import File, command
from hotcold.params import Params
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, validate

ROOT = Path(__file__).resolve().parents[1]
QUICK = {
    "classifier.images": 5000,
    "classifier.epochs": 1,
    "classifier.batch_size": 64,
    "training.epochs": 2,
    "training.images": 128,
    "training.validation_images": 100,
    "sampling.images": 20,
    "sampling.progress_images": 1,
    "sampling.guidances": (0.0, 2.0),
    "step_study": {
        "ancestral": {"plain": {"steps": (2, 4), "eta": (0.0, 1.0)}},
        "blurring": {},
        "categorical": {"plain": {"steps": (2, 4), "churn": 2.0}},
        "cold": {},
        "ddim": {
            "plain": {"steps": (2, 4), "eta": (0.0, 1.0)},
            "guided": {"steps": 4, "eta": 1.0, "guidance": (0.0, 2.0)},
        },
        "inverse_dissipation": {},
        "ode": {"plain": {"steps": (2, 4)}},
    },
    "evaluation.splits": 2,
    "evaluation.reference": 500,
    "evaluation.permutations": 3,
    "evaluation.subsets": 2,
    "evaluation.bootstrap": 20,
    "likelihood.images": 50,
    "likelihood.steps": 3,
    "inception.use": "auto",
    "inception.reference": 50,
}
QUICK_LIMIT = 10  # noise levels and steps of a model, at most
LIMITED = (("degradation", "T"), ("sampler", "steps"), ("sampler", "churn"))
RESULTS = (  # beginnings of names
    "dvc.lock",
    "report/report.",
    "report/supplement.",
    "report/scores.json",
    "report/figures/",
    "report/media/",
    "report/plots/",
    "data/pretrained/",
)
IGNORED_AT_ROOT = {".git", ".venv", "scratch", "data", "results"}  # without git
IGNORED = {"__pycache__", "cache", "tmp"}
COPY = Path(".dvc/copy.txt")  # marks a copy


def project_files() -> list[str]:
    """Files that git tracks or would add; without git, all but a few names in .gitignore.

    A repository around the project's folder is not asked, because it may ignore the folder.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
            listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            names = listed.stdout.split("\0")
            return [name for name in names if name and (ROOT / name).is_file()]
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [
        str(path)
        for path in files
        if path.parts[0] not in IGNORED_AT_ROOT and not IGNORED & set(path.parts)
    ]


def set_key(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key. Raises UserError if a mapping lacks it."""
    *parents, last = key.split(".")
    for part in parents:
        values = values.get(part, {}) if isinstance(values, dict) else {}
    if not isinstance(values, dict) or last not in values:
        raise UserError(f"params.yaml has no key {key}")
    values[last] = value


def write_params(path: Path, values: dict[str, Any]) -> None:
    """Write a params.yaml."""
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def quick_budget() -> dict[str, Any]:
    """The smallest budget for the models of params.yaml: values by dotted key."""
    budget = dict(QUICK)
    params = load(ROOT / "params.yaml")
    validate(params, Params)
    for name, block in params["models"].items():
        for part, key in LIMITED:
            if (block[part].get(key) or 0) > QUICK_LIMIT:
                budget[f"models.{name}.{part}.{key}"] = QUICK_LIMIT
        if block["sampler"].get("autoguidance"):
            budget[f"models.{name}.sampler.autoguidance.checkpoint"] = 1
    return budget


def copy_project(folder: Path, overrides: dict[str, Any]) -> None:
    """A fresh copy in `folder`, in place of an earlier one, with other parameters.

    Raises UserError for a key that params.yaml does not have, and for a folder with other content.
    """
    params = changed(overrides)
    check_folder(folder)
    shutil.rmtree(folder, ignore_errors=True)
    for name in project_files():
        if not name.startswith(RESULTS):  # which are of other parameters
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    (folder / COPY).write_text("Written by hotcold copy-project, which may replace this folder.\n")
    (folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    write_params(folder / "params.yaml", params)


def changed(overrides: dict[str, Any]) -> dict[str, Any]:
    """The content of params.yaml with other values. Raises UserError for a key that it lacks."""
    params = load(ROOT / "params.yaml")
    for key, value in overrides.items():
        set_key(params, key, value)
    if "training.epochs" in overrides:  # of all models
        for block in params["models"].values():
            block["training"].pop("epochs", None)
    return params


def check_folder(folder: Path) -> None:
    """Raise UserError for a folder that contains this project, or anything but an earlier copy."""
    if ROOT.is_relative_to(folder.resolve()):
        raise UserError(f"{folder} contains this project: choose another folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / COPY).is_file():
        raise UserError(f"{folder} is not an earlier copy: delete it, or choose another folder")


@command(__doc__)
@click.argument("folder", type=File())
@click.option("--quick", is_flag=True, help="the smallest budget")
def main(folder: Path, quick: bool) -> None:
    copy_project(folder, quick_budget() if quick else {})

"""Copy the project's files, as they are now, to a folder where it can run without touching
this one: python tools/copy_project.py FOLDER [--quick] [key=value ...]

The copy has its own params.yaml, dvc.lock, cache and report, and no git.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
QUICK = {
    "classifier.images": 5000,
    "classifier.epochs": 1,
    "classifier.batch_size": 64,
    "training.epochs": 2,
    "training.images": 128,
    "training.validation_images": 100,
    "sampling.images": 4,
    "sampling.progress_images": 1,
    "step_study.steps": (2, 4),
    "step_study.etas": (0.0, 1.0),
    "evaluation.splits": 2,
    "evaluation.reference": 500,
    "evaluation.bootstrap": 20,
    "evaluation.inception": "auto",
    "evaluation.inception_reference": 50,
}


def project_files() -> list[str]:
    """Files that git knows or would take; without git, all but what .gitignore names first."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    except (subprocess.CalledProcessError, FileNotFoundError):
        left_out = {".venv", "scratch", "data", "results", "__pycache__", "cache", "tmp"}
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return [str(path) for path in found if not left_out & set(path.parts)]


def set_key(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key, in a mapping that has it. Raises KeyError."""
    *parents, last = key.split(".")
    for part in parents:
        values = values[part]
    if last not in values:
        raise KeyError(key)
    values[last] = value


def copy_project(folder: Path, overrides: dict[str, Any]) -> None:
    """A fresh copy in `folder`, which is emptied first, with other parameters."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in project_files():
        if name.startswith("data/pretrained/"):  # of the committed budget, which the copy has not
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for name in ("dvc.lock", "report/report.md", "report/report.html", "report/metrics.json"):
        (folder / name).unlink(missing_ok=True)
    for name in ("report/figures", "report/plots"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for key, value in overrides.items():
        set_key(params, key, value)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="the smallest budget")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    given = dict(item.split("=", 1) for item in arguments.overrides)
    overrides = {key: yaml.safe_load(value) for key, value in given.items()}
    copy_project(arguments.folder, (QUICK if arguments.quick else {}) | overrides)


if __name__ == "__main__":
    main()

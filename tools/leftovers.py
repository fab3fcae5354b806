"""Put away what models that are no longer in params.yaml left behind: python -m tools.leftovers

The stage `figures` runs it first, because it joins the results of all models: results of other
models would count as changes of its dependencies. They are moved to scratch/removed, and the
records of their stages are removed from dvc.lock; DVC's cache still has both.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import load

PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")
REMOVED = Path("scratch/removed")
MODEL = "${key}"

Outputs = dict[str, list[Path]]


def outputs(models: Iterable[str]) -> Outputs:
    """The outputs of every stage in dvc.yaml, by its name, such as train@model1."""
    result: Outputs = {}
    for name, entry in load(PIPELINE)["stages"].items():
        stage = entry.get("do", entry)
        outs = [
            next(iter(out)) if isinstance(out, dict) else out
            for kind in ("outs", "metrics", "plots")
            for out in stage.get(kind, ())
        ]
        if "do" in entry:
            for model in models:
                result[f"{name}@{model}"] = [Path(out.replace(MODEL, model)) for out in outs]
        else:
            result[name] = [Path(out) for out in outs]
    return result


def strays(outputs: Outputs) -> list[Path]:
    """What is in the folders of the models' results, but is no result of a model."""
    known = [out for outs in outputs.values() for out in outs]
    known += [folder for out in known for folder in out.parents]
    folders = {out.parent for name, outs in outputs.items() if "@" in name for out in outs}
    inside = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return sorted(set(inside) - set(known))


def put_away(path: Path) -> Path:
    """Move a file or folder to scratch/removed, where it replaces an earlier one; its new place."""
    target = REMOVED / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    shutil.move(path, target)
    return target


def forget(known: Iterable[str]) -> list[str]:
    """Remove the records of other stages from dvc.lock; the names of these stages."""
    text = LOCK.read_text(encoding="utf-8", errors="replace") if LOCK.exists() else ""
    gone = sorted(set(re.findall(r"^  (\S+):$", text, re.MULTILINE)) - set(known))
    if gone:
        from dvc.utils.serialize import modify_yaml  # keeps the format of the file

        with modify_yaml(str(LOCK)) as lock:
            for name in gone:
                del lock["stages"][name]
    return gone


def main() -> None:
    cli.parser("tools.leftovers", __doc__).parse_args()
    models = load()["models"]
    try:
        known = outputs(models)
    except (AttributeError, KeyError, TypeError, StopIteration):
        raise UserError(f"{PIPELINE} is damaged: dvc status says where") from None
    for path in strays(known):
        print(f"{path} is not of a model in {paths.PARAMS}: moved to {put_away(path)}")
    for name in forget(known):
        print(f"{LOCK}: removed the record of {name}")
    for name in sorted(set(load(PIPELINE).get("artifacts") or ()) - set(models)):
        print(f"{PIPELINE}: the artifact {name} is not of a model: delete its line")


if __name__ == "__main__":
    run(main)

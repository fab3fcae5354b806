"""Put away what models that are no longer in params.yaml left behind: hotcold leftovers

The stage `figures` runs it first, because it joins the results of all models: results of other
models would count as changes of its dependencies. They are moved to scratch/removed, and the
records of their stages are removed from dvc.lock; DVC's cache still has both.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from hotcold.commands import command
from hotcold.runtime import paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import load

PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")
REMOVED = Path("scratch/removed")
Outputs = dict[str, list[Path]]


def outputs() -> Outputs:
    """The outputs of every stage, by its name, such as train@model1."""
    from dvc.repo import Repo

    with Repo() as repo:
        return {s.addressing: [Path(out.def_path) for out in s.outs] for s in repo.index.stages}


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
    from dvc.utils.serialize import modify_yaml  # keeps the format of the file

    text = LOCK.read_text() if LOCK.exists() else ""
    gone = sorted(set(re.findall(r"^  (\S+):$", text, re.MULTILINE)) - set(known))
    if gone:
        with modify_yaml(str(LOCK)) as lock:
            for name in gone:
                del lock["stages"][name]
    return gone


@command(__doc__)
def main() -> None:
    known = outputs()
    for path in strays(known):
        print(f"{path} is not of a model in {paths.PARAMS}: moved to {put_away(path)}")
    for name in forget(known):
        print(f"{LOCK}: removed the record of {name}")
    for name in sorted(set(load(PIPELINE).get("artifacts") or ()) - set(load()["models"])):
        print(f"{PIPELINE}: the artifact {name} is not of a model: delete its line")


if __name__ == "__main__":
    run(main)

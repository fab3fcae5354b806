"""Stands for the stages of a copied project: writes the outputs that dvc.yaml declares for a stage,
made of all that the stage may read, in a fraction of a second.

python -m stages.<stage> [<model>], where this file is stages/<stage>.py, writes those of one stage.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hotcold.runtime.params import load

REAL = ("check_params", "download")  # stages that are quick themselves


def of_model(text: str, model: str) -> str:
    """What DVC makes of ${key} and ${item. ...} in the block of a stage."""
    text = text.replace("${key}", model)
    return re.sub(r"\$\{item\.([\w.]+)\}", lambda m: value(f"models.{model}.{m[1]}"), text)


def paths(items: Iterable[Any], model: str) -> Iterator[Path]:
    for item in items:
        path = next(iter(item)) if isinstance(item, dict) else item
        yield Path(of_model(path, model))


def value(key: str) -> Any:
    found: Any = load()
    for part in key.split("."):
        found = found[part]
    return found


def write(name: str, model: str) -> None:
    stage = load(Path("dvc.yaml"))["stages"][name]
    stage = stage.get("do", stage)
    digest = hashlib.sha256(model.encode())
    for key in stage.get("params", ()):
        digest.update(repr(value(of_model(key, model))).encode())
    for dep in paths(stage["deps"], model):
        files = sorted(path for path in (dep, *dep.rglob("*")) if path.is_file())
        for path in files:
            if path.suffix != ".pyc":
                digest.update(str(path).encode() + path.read_bytes())
    kinds = ("outs", "metrics", "plots")
    for out in paths([out for kind in kinds for out in stage.get(kind, ())], model):
        shutil.rmtree(out, ignore_errors=True)
        inside = load()["models"] if name == "figures" else ["part"]
        for path in [out] if out.suffix else [out / f"{part}.txt" for part in inside]:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = {".json": '{"a": "%s"}\n', ".csv": "epoch,hash\n1,%s\n"}.get(out.suffix, "%s\n")
            path.write_text(text % digest.hexdigest())


if __name__ == "__main__":
    write(__spec__.name.removeprefix("stages."), "".join(sys.argv[1:]))

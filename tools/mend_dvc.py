"""Mend the files that an interrupted dvc has left half written: python -m tools.mend_dvc

A .dvc/tmp/rwlock or dvc.lock that is empty or cut off makes every later dvc refuse to run. DVC
takes a temporary file in its run cache for a record of a run, and `dvc checkout` does not replace
the history of an unfinished training. These files are deleted, but of dvc.lock the complete stages
are kept: `dvc repro` gets the others from DVC's run cache, without work. No dvc may be running in
this repository.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from diffusion.runtime import cli, paths
from diffusion.runtime.errors import run
from diffusion.runtime.files import write


def mend_lock(path: Path) -> bool:
    """Keep the complete stages of a dvc.lock that is cut off; whether it was."""
    if not path.exists() or is_lock(path.read_text(encoding="utf-8", errors="replace")):
        return False
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    starts = [n for n, line in enumerate(lines) if re.match(r"  \S+:$", line)]
    parts = ("".join(lines[:start]) for start in reversed(starts))
    kept = next((part for part in parts if is_lock(part)), "")
    if kept:
        write(path, kept.encode())
    else:
        path.unlink()
    return True


def is_lock(text: str) -> bool:
    """Whether DVC accepts a text as dvc.lock."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA  # takes a while
    from dvc.utils.serialize import ParseError, parse_yaml
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, "dvc.lock"))
    except (ParseError, Invalid):
        return False
    return True


def is_json(path: Path) -> bool:
    """Whether a file is JSON."""
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def mend(folder: Path) -> list[Path]:
    """Mend what an interrupted dvc left in a repository; the files."""
    broken = list((folder / ".dvc/cache/runs").rglob(".*.tmp"))
    broken += [p for p in (folder / ".dvc/tmp").glob("rwlock") if not is_json(p)]
    histories = (folder / paths.HISTORY).glob("*.csv")
    broken += [p for p in histories if not (folder / paths.MODELS / p.stem).exists()]
    for path in broken:
        path.unlink()
    lock = folder / "dvc.lock"
    return broken + [lock] * mend_lock(lock)


def main() -> None:
    cli.parser("tools.mend_dvc", __doc__).parse_args()
    for path in mend(Path()):
        print(f"mended {path}, which an interrupted dvc left half written")


if __name__ == "__main__":
    run(main)

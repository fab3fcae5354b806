"""Mend the files that an interrupted dvc has left half written: python -m tools.mend_dvc

A .dvc/tmp/rwlock or dvc.lock that is empty or cut off makes every later dvc refuse to run. DVC
takes a temporary file in its run cache for a record of a run, and `dvc checkout` does not replace
the history of an unfinished training. These files are deleted, but of dvc.lock the complete stages
are kept, and the others are those of the last commit: where they do not fit, `dvc repro` looks into
DVC's run cache. The old dvc.lock is moved to scratch/removed. No dvc may be running in this
repository.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.files import write
from tools.leftovers import REMOVED

LOCK = "dvc.lock"
STAGE = re.compile(r"^(?=  \S+:$)", re.MULTILINE)
CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)
START = "schema: '2.0'\nstages:\n"


def mend_lock(path: Path) -> bool:
    """Mend a dvc.lock that is cut off; whether it was.

    Raises UserError if it is damaged in another way, as by a conflict of git.
    """
    if not path.exists():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    if is_whole(text):
        return False
    found = stages(text)
    complete = text.removesuffix(list(found.values())[-1]) if len(found) > 1 else ""
    is_cut = START.startswith(text[: len(START)]) and (not complete or is_lock(complete))
    if not is_cut or CONFLICT.search(text):
        raise UserError(
            f"{path} is damaged, and not cut off: correct it, or run git checkout {path}"
        )
    others = stages(last_commit(path))
    for name in stages(complete):
        others.pop(name, None)
    mended = (complete or START) + "".join(others.values())
    kept = path.parent / REMOVED / LOCK
    write(kept, path.read_bytes())
    if is_lock(mended):
        write(path, mended.encode())
    else:
        path.unlink()  # not one stage is known
    return True


def stages(text: str) -> dict[str, str]:
    """The lines of each stage of a dvc.lock, by its name."""
    return {part.partition(":")[0].strip(): part for part in STAGE.split(text)[1:]}


def last_commit(path: Path) -> str:
    """A dvc.lock as the last commit has it; empty if there is none, or no git."""
    command = ["git", "show", f"HEAD:./{path.name}"]
    try:
        done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 and is_lock(done.stdout) else ""


def is_whole(text: str) -> bool:
    """Whether DVC accepts a text as dvc.lock, and it ends as DVC writes it, after some output."""
    last = list(stages(text).values())[-1:]
    return is_lock(text) and text.endswith("\n") and all("    outs:\n" in stage for stage in last)


def is_lock(text: str) -> bool:
    """Whether DVC accepts a text as dvc.lock."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA  # takes a while
    from dvc.utils.serialize import ParseError, parse_yaml
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, LOCK))
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
    """Mend what an interrupted dvc left in a repository; the files. Raises UserError for a dvc.lock
    that is damaged in another way."""
    broken = list((folder / ".dvc/cache/runs").rglob(".*.tmp"))
    broken += [p for p in (folder / ".dvc/tmp").glob("rwlock") if not is_json(p)]
    histories = (folder / paths.HISTORY).glob("*.csv")
    broken += [p for p in histories if not (folder / paths.MODELS / p.stem).exists()]
    for path in broken:
        path.unlink()
    lock = folder / LOCK
    return broken + [lock] * mend_lock(lock)


def main() -> None:
    cli.parser("tools.mend_dvc", __doc__).parse_args()
    if not Path("dvc.yaml").exists():
        raise UserError("dvc.yaml is not in this folder: run the command in that of the repository")
    for path in mend(Path()):
        old = f"; the old file is {REMOVED / LOCK}" * (path.name == LOCK)
        print(f"mended {path}, which an interrupted dvc left half written{old}")


if __name__ == "__main__":
    run(main)

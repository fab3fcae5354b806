"""Mend the files that an interrupted dvc has left half written: hotcold mend-dvc

A .dvc/tmp/rwlock or dvc.lock that is cut off makes every later dvc refuse to run. DVC takes a
temporary file in its run cache for a record of a run, and `dvc checkout` does not replace the
history of an unfinished training. These files are deleted; dvc.lock becomes that of the last
commit, and `dvc repro` finds later runs in DVC's run cache. The old dvc.lock is moved to
scratch/removed. No dvc may be running in this repository.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from hotcold.commands import command
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.files import write
from tools.leftovers import LOCK, REMOVED

CONFLICT = re.compile(rb"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


def is_lock(content: bytes) -> bool:
    """Whether DVC accepts a dvc.lock, and each of its stages has outputs."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA  # takes a while
    from dvc.utils.serialize import ParseError, parse_yaml
    from voluptuous import Invalid

    try:
        lock = COMPILED_LOCKFILE_SCHEMA(parse_yaml(content.decode(), LOCK))
    except (ParseError, Invalid, UnicodeDecodeError):
        return False
    return content.endswith(b"\n") and all("outs" in stage for stage in lock["stages"].values())


def is_json(path: Path) -> bool:
    """Whether a file is JSON."""
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def mend_lock(path: Path) -> bool:
    """Replace a dvc.lock that DVC cannot read by that of the last commit, or delete it if there is
    none; whether it was replaced. Raises UserError for a conflict of git."""
    content = path.read_bytes() if path.exists() else None
    if content is None or is_lock(content):
        return False
    if CONFLICT.search(content):
        raise UserError(
            f"{path} has a conflict of git: git checkout --ours {path} && dvc repro takes "
            "results of the other branch from the run cache"
        )
    write(path.parent / REMOVED / LOCK, content)
    command = ["git", "show", f"HEAD:./{path.name}"]
    committed = subprocess.run(command, cwd=path.parent, capture_output=True).stdout
    write(path, committed) if committed else path.unlink()
    return True


def mend(folder: Path) -> list[Path]:
    """Mend what an interrupted dvc left in a repository; the files. Raises UserError for a conflict
    of git in dvc.lock."""
    broken = list((folder / ".dvc/cache/runs").rglob(".*.tmp"))
    broken += [p for p in (folder / ".dvc/tmp").glob("rwlock") if not is_json(p)]
    histories = (folder / paths.HISTORY).glob("*.csv")
    broken += [p for p in histories if not (folder / paths.MODELS / p.stem).exists()]
    for path in broken:
        path.unlink()
    lock = folder / LOCK
    return broken + [lock] * mend_lock(lock)


@command(__doc__)
def main() -> None:
    for path in mend(Path()):
        old = f"; the old file is {REMOVED / LOCK}" * (path == LOCK)
        print(f"mended {path}, which an interrupted dvc left half written{old}")

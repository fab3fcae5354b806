"""Delete files that an interrupted dvc has left half written: python -m tools.mend_dvc

An empty .dvc/tmp/rwlock makes every later dvc refuse to run, and DVC takes a temporary file in its
run cache for a record of a run. No dvc may be running in this repository.
"""

from __future__ import annotations

from pathlib import Path

from diffusion.runtime import cli
from diffusion.runtime.errors import run


def mend(folder: Path) -> list[Path]:
    """Delete the half-written files of DVC in a repository; the deleted files."""
    broken = list((folder / ".dvc/cache/runs").rglob(".*.tmp"))
    broken += [p for p in (folder / ".dvc/tmp").glob("rwlock") if p.stat().st_size == 0]
    for path in broken:
        path.unlink()
    return broken


def main() -> None:
    cli.parser("tools.mend_dvc", __doc__).parse_args()
    for path in mend(Path()):
        print(f"deleted {path}, which an interrupted dvc left half written")


if __name__ == "__main__":
    run(main)

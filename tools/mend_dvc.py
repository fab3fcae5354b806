"""Delete files that an interrupted dvc has left half written: python -m tools.mend_dvc

An empty .dvc/tmp/rwlock makes every later dvc refuse to run, DVC takes a temporary file in its run
cache for a record of a run, and `dvc checkout` does not replace the history of an unfinished
training. No dvc may be running in this repository.
"""

from __future__ import annotations

from pathlib import Path

from diffusion.runtime import cli, paths
from diffusion.runtime.errors import run


def mend(folder: Path) -> list[Path]:
    """Delete what an interrupted dvc left in a repository; the deleted files."""
    broken = list((folder / ".dvc/cache/runs").rglob(".*.tmp"))
    broken += [p for p in (folder / ".dvc/tmp").glob("rwlock") if p.stat().st_size == 0]
    histories = (folder / paths.HISTORY).glob("*.csv")
    broken += [p for p in histories if not (folder / paths.MODELS / p.stem).exists()]
    for path in broken:
        path.unlink()
    return broken


def main() -> None:
    cli.parser("tools.mend_dvc", __doc__).parse_args()
    for path in mend(Path()):
        print(f"deleted {path}, which an interrupted dvc left half written")


if __name__ == "__main__":
    run(main)

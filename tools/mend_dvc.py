"""Delete what a dvc left half written that was ended at the wrong moment:
python tools/mend_dvc.py

An empty .dvc/tmp/rwlock makes every later dvc refuse to run; a temporary file among the records
of earlier runs is taken for a record. No dvc may be running here.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def mend(folder: Path) -> list[Path]:
    """Delete the half-written files of DVC in a repository; what was deleted."""
    found = list((folder / ".dvc/cache/runs").rglob(".*.tmp"))
    found += [p for p in (folder / ".dvc/tmp").glob("rwlock") if p.stat().st_size == 0]
    for path in found:
        path.unlink()
    return found


if __name__ == "__main__":
    for path in mend(ROOT):
        print(f"deleted {path.relative_to(ROOT)}, which an ended dvc left half written")

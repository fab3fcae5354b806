"""Whether two runs gave the same bytes: python tools/compare_locks.py ONE/dvc.lock TWO/dvc.lock

Names every output whose hash differs, and ends with exit code 1 if there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml


def outputs(lock: Path) -> dict[str, str]:
    """path -> md5 for every output in a dvc.lock."""
    stages = yaml.safe_load(lock.read_text())["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}


def main() -> None:
    one, two = (outputs(Path(argument)) for argument in sys.argv[1:])
    other = [path for path in sorted(one.keys() | two.keys()) if one.get(path) != two.get(path)]
    if other:
        sys.exit("these outputs differ: " + ", ".join(other))
    print(f"all {len(one)} outputs have the same bytes")


if __name__ == "__main__":
    main()

"""Check that two runs gave the same bytes:

python -m tools.checks.compare_locks ONE/dvc.lock TWO/dvc.lock

Prints the outputs whose hashes differ, and exits with code 1 if there are any. The times of
training in results/times differ between any two runs and are not compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run


def stage_outputs(stage: dict[str, Any]) -> dict[str, str]:
    """path -> md5 for the outputs of one stage in a dvc.lock, without the times of training."""
    return {
        out["path"]: out["md5"]
        for out in stage.get("outs", [])
        if paths.TIMES not in Path(out["path"]).parents
    }


def outputs(lock: Path) -> dict[str, str]:
    """path -> md5 for the outputs of all stages in a dvc.lock, without the times of training.

    Raises UserError for a file that is no dvc.lock.
    """
    try:
        stages = yaml.safe_load(lock.read_text())["stages"].values()
        return {path: md5 for stage in stages for path, md5 in stage_outputs(stage).items()}
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        raise UserError(f"{lock} is not a dvc.lock") from None


def main() -> None:
    parser = cli.parser("tools.checks.compare_locks", __doc__)
    parser.add_argument("locks", type=Path, nargs=2, metavar="LOCK", help="a dvc.lock")
    one, two = map(outputs, parser.parse_args().locks)
    differing = [path for path in sorted(one.keys() | two.keys()) if one.get(path) != two.get(path)]
    if differing:
        raise UserError(f"these outputs differ: {', '.join(differing)}")
    print(f"all {len(one)} outputs have the same bytes; {paths.TIMES} is not compared")


if __name__ == "__main__":
    run(main)

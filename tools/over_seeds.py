"""Mean and standard deviation of every metric over experiments that differ in their seed alone:
python tools/over_seeds.py [METRIC ...]

Reads DVC's own records (`dvc exp show`). `make seeds` makes the experiments.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import dvc.api

SHOWN = ("validation_loss", "is", "fid", "kid", "class_distance", "psnr", "ssim")


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        result |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return result


def over_seeds(
    rows: list[dict[str, Any]], metrics: set[str]
) -> dict[tuple[str, ...], dict[str, list[float]]]:
    """Settings other than the seed -> metric -> its values, one for each seed.

    rows: as `dvc.api.exp_show` gives them. Only settings that differ between rows are named.
    """
    rows = [row for row in rows if row.get("Experiment") and row.get("seed") is not None]
    ignored = metrics | {"Experiment", "rev", "typ", "Created", "parent", "State", "Executor"}
    params = {
        key
        for key in set().union(*rows)
        if key not in ignored and len({str(row.get(key)) for row in rows}) > 1
    } - {"seed"}
    seen: set[tuple[Any, ...]] = set()
    groups: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        setting = tuple(f"{key}={row.get(key)}" for key in sorted(params))
        if (row["seed"], setting) in seen:  # the same experiment, recorded twice
            continue
        seen.add((row["seed"], setting))
        for key in metrics & row.keys():
            if isinstance(row[key], int | float):
                groups[setting][key].append(float(row[key]))
    return groups


def main() -> None:
    metrics = set(flat(json.loads(Path("report/metrics.json").read_text())))
    wanted = tuple(sys.argv[1:]) or SHOWN
    groups = over_seeds(dvc.api.exp_show(), metrics)
    if not groups:
        sys.exit("error: there are no finished experiments; make some with: make seeds SEEDS=1,2,3")
    for setting, values in groups.items():
        print(f"\n{', '.join(setting) or 'all settings equal but the seed'}\n")
        print("| metric | mean | standard deviation | seeds |")
        print("|---|---|---|---|")
        for key in sorted(values):
            if key.rpartition(".")[2] in wanted and not key.startswith("real."):
                numbers = values[key]
                spread = f"{statistics.stdev(numbers):.3g}" if len(numbers) > 1 else "–"
                mean = statistics.mean(numbers)
                print(f"| {key} | {mean:.4g} | {spread} | {len(numbers)} |")


if __name__ == "__main__":
    main()

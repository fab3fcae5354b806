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
import yaml

SHOWN = ("validation_loss", "is", "fid", "kid", "class_distance", "psnr", "ssim")


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        result |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return result


def over_seeds(
    rows: list[dict[str, Any]], sections: set[str], metrics: set[str]
) -> dict[tuple[str, ...], dict[str, list[float]]]:
    """Settings other than the seed -> metric -> its values, one for each seed.

    rows: as `dvc.api.exp_show` gives them, for finished experiments and others; sections: of
    params.yaml. Only settings that differ between experiments are named.
    """
    rows = [row for row in rows if row.get("Experiment") and row["State"] in (None, "Success")]
    params = {key for key in set().union(*rows) - metrics if key.split(".")[0] in sections}
    varied = {key for key in params - {"seed"} if len({str(row.get(key)) for row in rows}) > 1}
    values: dict[tuple[str, ...], dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in rows:  # the same experiment may be recorded more than once
        setting = tuple(f"{key}={row.get(key)}" for key in sorted(varied))
        values[setting][row["seed"]] = row
    return {
        setting: {
            key: [float(row[key]) for row in by_seed.values() if row.get(key) is not None]
            for key in metrics
        }
        for setting, by_seed in values.items()
    }


def main() -> None:
    metrics = set(flat(json.loads(Path("report/metrics.json").read_text())))
    wanted = tuple(sys.argv[1:]) or SHOWN
    sections = set(yaml.safe_load(Path("params.yaml").read_text()))
    groups = over_seeds(dvc.api.exp_show(), sections, metrics)
    if not groups:
        sys.exit("error: there are no finished experiments; make some with: make seeds SEEDS=1,2,3")
    for setting, values in groups.items():
        print(f"\n{', '.join(setting) or 'all settings equal but the seed'}\n")
        print("| metric | mean | standard deviation | seeds |")
        print("|---|---|---|---|")
        for key in sorted(values):
            numbers = values[key]
            if numbers and not key.startswith("real.") and key.rpartition(".")[2] in wanted:
                spread = f"{statistics.stdev(numbers):.3g}" if len(numbers) > 1 else "–"
                mean = statistics.mean(numbers)
                print(f"| {key} | {mean:.4g} | {spread} | {len(numbers)} |")


if __name__ == "__main__":
    main()

"""Mean and standard deviation of every metric over experiments that differ in their seed alone:
python -m tools.over_seeds [METRIC ...]

Reads DVC's own records (`dvc exp show`). `make seeds` makes the experiments.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from typing import Any

from tools import experiments

SHOWN = ("validation_loss", "is", "fid", "kid", "class_distance", "psnr", "ssim")


def over_seeds(
    rows: list[dict[str, Any]], sections: set[str], metrics: set[str]
) -> dict[tuple[str, ...], dict[str, list[float]]]:
    """Settings other than the seed -> metric -> its values, one for each seed.

    rows: as `dvc.api.exp_show` gives them, for finished experiments and others; sections: of
    params.yaml. Only settings that differ between experiments are named.
    """
    rows = experiments.finished(rows)
    varied = experiments.varied(rows, sections, metrics)
    values: dict[tuple[str, ...], dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in rows:  # the same experiment may be recorded more than once
        setting = tuple(f"{key}={row.get(key)}" for key in varied)
        values[setting][row["seed"]] = row
    return {
        setting: {
            key: [float(row[key]) for row in by_seed.values() if row.get(key) is not None]
            for key in metrics
        }
        for setting, by_seed in values.items()
    }


def main() -> None:
    wanted = tuple(sys.argv[1:]) or SHOWN
    groups = over_seeds(experiments.rows(), experiments.sections(), experiments.metrics())
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

"""Mean and standard deviation of every metric over experiments that differ only in their seed:

python -m tools.over_seeds [METRIC ...]

Reads DVC's records (`dvc exp show`). `make seeds` runs the experiments.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator

from diffusion.runtime import cli
from diffusion.runtime.errors import UserError, run
from tools import experiments
from tools.experiments import Row

SHOWN = ("validation_loss", "is", "fid", "kid", "class_distance", "psnr", "ssim")
Values = dict[str, list[float]]  # metric -> its values, one for each seed


def over_seeds(
    rows: list[Row], sections: set[str], metrics: set[str]
) -> dict[tuple[str, ...], Values]:
    """The values of the metrics for each combination of the other settings.

    rows: as from `experiments.rows`, also of unfinished experiments; sections: of params.yaml.
    Only settings that differ between experiments are named.
    """
    rows = experiments.finished(rows)
    varied = experiments.varied(rows, sections, metrics)
    by_setting: dict[tuple[str, ...], dict[int, Row]] = defaultdict(dict)
    for row in rows:  # the same experiment may be recorded more than once
        setting = tuple(f"{key}={row.get(key)}" for key in varied)
        by_setting[setting][row["seed"]] = row
    return {
        setting: {
            key: [float(row[key]) for row in by_seed.values() if row.get(key) is not None]
            for key in metrics
        }
        for setting, by_seed in by_setting.items()
    }


def table(values: Values, shown: tuple[str, ...]) -> Iterator[str]:
    """The lines of a Markdown table; shown: last parts of the names of metrics."""
    yield "| metric | mean | standard deviation | seeds |"
    yield "|---|---|---|---|"
    for key, numbers in sorted(values.items()):
        if numbers and not key.startswith("real.") and key.rpartition(".")[2] in shown:
            spread = f"{statistics.stdev(numbers):.3g}" if len(numbers) > 1 else "–"
            yield f"| {key} | {statistics.mean(numbers):.4g} | {spread} | {len(numbers)} |"


def main() -> None:
    parser = cli.parser("tools.over_seeds", __doc__)
    parser.add_argument("metrics", nargs="*", metavar="METRIC", help=f"({' '.join(SHOWN)})")
    shown = tuple(parser.parse_args().metrics) or SHOWN
    groups = over_seeds(experiments.rows(), experiments.sections(), experiments.metrics())
    if not groups:
        raise UserError("there are no finished experiments: run make seeds SEEDS=1,2,3")
    for setting, values in groups.items():
        print(f"\n{', '.join(setting) or 'all settings but the seed are equal'}\n")
        print("\n".join(table(values, shown)))


if __name__ == "__main__":
    run(main)

"""Draw a metric against a parameter, from DVC's own records of the experiments:

python -m tools.plot_sweep models.model1.learning_rate model1.fid --output sweep.png

Every combination of the other parameters that differ has a line of its own; over seeds, the mean
with its standard deviation is drawn.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from diffusion.runtime.errors import UserError, run
from diffusion.runtime.params import nearest
from tools import experiments
from tools.experiments import Row

STYLE = Path(__file__).resolve().parent.parent / "report/style.mplstyle"
Lines = dict[str, dict[float | str, list[float]]]


def lines(rows: list[Row], parameter: str, metric: str, others: list[str]) -> Lines:
    """Settings other than the parameter and the seed -> value of the parameter -> the metric,
    once for each seed."""
    found: dict[str, dict[float | str, dict[float, float]]] = defaultdict(dict)
    for row in rows:  # the same experiment may be recorded more than once
        if row.get(parameter) is not None and row.get(metric) is not None:
            label = ", ".join(f"{key} = {row.get(key)}" for key in others)
            by_seed = found[label].setdefault(row[parameter], {})
            by_seed[row["seed"]] = float(row[metric])
    return {
        label: {x: list(seeds.values()) for x, seeds in sorted(points.items())}
        for label, points in sorted(found.items())
    }


def draw(found: Lines, parameter: str, metric: str, path: Path) -> None:
    """One line a setting, markers where experiments are, deviations over seeds as bars."""
    mpl.use("Agg")
    plt.style.use(STYLE)
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for label, points in found.items():
        mean = [statistics.mean(values) for values in points.values()]
        spread = [statistics.stdev(v) if len(v) > 1 else 0.0 for v in points.values()]
        axis.errorbar(list(points), mean, yerr=spread, marker="o", capsize=3, label=label or None)
    xs = [x for points in found.values() for x in points]
    numbers = [x for x in xs if isinstance(x, float)]
    if len(numbers) == len(xs) and min(numbers) > 0 and max(numbers) >= 10 * min(numbers):
        axis.set_xscale("log")
    axis.set_xlabel(parameter)
    axis.set_ylabel(metric)
    if any(found):
        axis.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.plot_sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parameter", metavar="PARAMETER", help="as in dvc exp show")
    parser.add_argument("metric", metavar="METRIC", help="as in dvc exp show: model1.fid")
    parser.add_argument("--output", type=Path, default=Path("sweep.png"), metavar="PNG")
    given = parser.parse_args()
    rows = experiments.finished(experiments.rows())
    if not rows:
        raise UserError("there are no finished experiments: make some with dvc exp run -S")
    known = set().union(*rows)
    for key in (given.parameter, given.metric):
        if key not in known:
            raise UserError(f"no experiment has '{key}'{nearest(key, known)}")
    others = experiments.varied(rows, experiments.sections(), experiments.metrics())
    others = [key for key in others if key != given.parameter]
    found = lines(rows, given.parameter, given.metric, others)
    draw(found, given.parameter, given.metric, given.output)
    count = sum(len(values) for points in found.values() for values in points.values())
    print(f"{given.output}: {given.metric} against {given.parameter}, {count} experiments")


if __name__ == "__main__":
    run(main)

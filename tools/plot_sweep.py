"""Plot a metric against a parameter, from DVC's records of the experiments:

python -m tools.plot_sweep models.model1.training.learning_rate model1.fid --output sweep.png

Every combination of the other parameters that differ is a line; for several seeds, the mean and
its standard deviation are drawn.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import nearest
from tools import experiments as records
from tools import outputs
from tools.experiments import Experiment

ROOT = Path(__file__).resolve().parents[1]
Lines = dict[str, dict[float | str, list[float]]]


def lines(experiments: list[Experiment], parameter: str, metric: str) -> Lines:
    """Settings other than the parameter and the seed -> value of the parameter -> the metric,
    once for each seed."""
    others = [key for key in records.varied(experiments) if key != parameter]
    by_label: dict[str, dict[float | str, dict[float, float]]] = defaultdict(dict)
    for each in experiments:  # the same experiment may be recorded more than once
        x, y = each.setting(parameter), each.metrics.get(metric)
        if x is not None and y is not None:
            label = ", ".join(f"{key} = {each.setting(key)}" for key in others)
            by_label[label].setdefault(x, {})[each.settings["seed"]] = float(y)
    return {
        label: {x: list(seeds.values()) for x, seeds in sorted(points.items())}
        for label, points in sorted(by_label.items())
    }


def draw(lines: Lines, parameter: str, metric: str, path: Path) -> None:
    """One line for each setting, with markers at the experiments and bars for the deviation over
    seeds. The scale of the parameter is logarithmic if its values span a factor of 10."""
    mpl.use("Agg")
    plt.style.use(ROOT / paths.STYLE)
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for label, points in lines.items():
        mean = [statistics.mean(values) for values in points.values()]
        spread = [statistics.stdev(v) if len(v) > 1 else 0.0 for v in points.values()]
        axis.errorbar(list(points), mean, yerr=spread, marker="o", capsize=3, label=label or None)
    xs = [x for points in lines.values() for x in points]
    numbers = [x for x in xs if isinstance(x, float)]
    if len(numbers) == len(xs) and min(numbers) > 0 and max(numbers) >= 10 * min(numbers):
        axis.set_xscale("log")
    axis.set_xlabel(parameter)
    axis.set_ylabel(metric)
    if any(lines):
        axis.legend()
    outputs.write(path, figure.savefig, dpi=150)


def main() -> None:
    parser = cli.parser("tools.plot_sweep", __doc__)
    parser.add_argument("parameter", metavar="PARAMETER", help="a column of dvc exp show")
    parser.add_argument(
        "metric", metavar="METRIC", help="a column of dvc exp show, such as model1.fid"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("sweep.png"), metavar="PNG", help="(sweep.png)"
    )
    arguments = parser.parse_args()
    outputs.check(arguments.output)
    parameter, metric = arguments.parameter, arguments.metric
    found = records.finished(records.load())
    if not found:
        raise UserError("there are no finished experiments: make some with dvc exp run -S")
    known = {key for each in found for key in (*each.settings, *each.metrics, *each.outdated)}
    for key in (parameter, metric):
        if key not in known:
            raise UserError(f"no experiment has '{key}'{nearest(key, known)}")
    outdated = [each.name for each in found if metric in each.outdated]
    if outdated:
        print(f"left out, because they did not compute {metric}: {', '.join(outdated)}")
    drawn = lines([each for each in found if metric in each.metrics], parameter, metric)
    if not drawn:
        raise UserError(f"no experiment has computed {metric} and has {parameter}")
    draw(drawn, parameter, metric, arguments.output)
    count = sum(len(values) for points in drawn.values() for values in points.values())
    print(f"{arguments.output}: {metric} against {parameter}, {count} experiments")


if __name__ == "__main__":
    run(main)

"""Compare the experiments, from DVC's records of them: hotcold table

Prints a row for each experiment and each model whose metrics differ, with the settings that differ.
A cell is empty where the metric is not of these settings, because the experiment did not run its
stages. `dvc exp show` shows all settings and metrics.

hotcold table --plot models.model1.training.learning_rate model1.fid --output sweep.png

draws a metric against a setting, with a line for each combination of the other settings that
differ, and bars for the standard deviation over seeds.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from hotcold.commands import File, command, outputs
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import nearest
from hotcold.scores import shown
from tools import experiments
from tools.experiments import Experiment

ROOT = Path(__file__).resolve().parents[1]
# name -> head
METRICS = {"validation_loss": "loss"} | {score.key: score.key for score in shown("experiments")}
NOTE = f"loss: validation loss; {', '.join(list(METRICS)[1:])}: of the best checkpoint"
WIDTH = 100  # characters of the table, if settings of MIN_CELL characters allow it
MIN_CELL = 10
DIVERGED = 10  # times the lowest validation loss of a model
Metrics = dict[str, float]
Points = dict[Any, list[float]]  # value of a setting -> the metric, once for each seed


def heads(keys: list[str]) -> dict[str, str]:
    """For each key its last part, or as many parts as distinguish it from the other keys."""
    found = {}
    for key in keys:
        parts = key.split(".")
        names = [".".join(parts[-depth:]) for depth in range(1, len(parts) + 1)]
        others = [f".{other}" for other in keys if other != key]
        unique = (n for n in names if not any(other.endswith(f".{n}") for other in others))
        found[key] = next(unique, key)
    return found


def differing(rows: list[Experiment]) -> list[str]:
    """The models with a metric that differs between experiments, in the order of the metrics."""
    rows = [each for each in rows if each.metrics]
    models: dict[str, None] = {}
    for name in dict.fromkeys(name for each in rows for name in each.metrics):
        model, _, metric = name.rpartition(".")
        values = {each.metrics.get(name) for each in rows if name not in each.outdated}
        if metric in METRICS and len(values) > 1:
            models[model] = None
    return list(models)


def cells(row: Experiment, settings: list[str], models: list[str]) -> Iterator[list[str]]:
    """The lines of one experiment: name, settings, model and metrics. Without metrics it is one
    line, with the state of the experiment in place of the model."""
    first = [row.name, *(text(row.setting(key), 12) for key in settings)]
    present = {name.rpartition(".")[0] for name in row.metrics}
    for model in [model for model in models if model in present] or [row.state]:
        metrics = (row.metrics.get(f"{model}.{metric}") for metric in METRICS)
        yield [*first, model, *map(text, metrics)]
        first = [""] * len(first)


def text(value: Any, digits: int = 4) -> str:
    """A setting, in 12 digits, or a metric in a cell."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def table(rows: list[Experiment]) -> list[str]:
    """The lines of the table and of its notes."""
    settings = experiments.varied(rows)
    settings += ["seed"] * (len({row.setting("seed") for row in rows}) > 1)
    short = heads(settings)
    models = differing(rows)
    lines = [["experiment", *short.values(), "model", *METRICS.values()]]
    lines += [line for row in rows for line in cells(row, settings, models)]
    columns = [column for column in zip(*lines, strict=True) if any(column[1:])]
    keys = [f"{head}: {key}" for key, head in short.items()]
    return [*drawn(columns, len(settings)), "", *keys, NOTE, *diverged(rows)]


def diverged(rows: list[Experiment]) -> Iterator[str]:
    """A line for each validation loss that is far above the lowest one of its model."""
    names = {name for row in rows for name in row.metrics if name.endswith(".validation_loss")}
    for name in sorted(names):
        lowest = min(row.metrics[name] for row in rows if name in row.metrics)
        for row in rows:
            loss = row.metrics.get(name, lowest)
            if loss > DIVERGED * lowest:
                yield f"warning: {name} of {row.name} is {loss:.4g}, the lowest one {lowest:.4g}"


def drawn(columns: Sequence[Sequence[str]], settings: int) -> list[str]:
    """Markdown. The columns after the first, as many as settings, are shortened as needed."""
    for width in range(WIDTH, MIN_CELL - 1, -1):
        short = [
            shortened(column, width) if 1 <= k <= settings else column
            for k, column in enumerate(columns)
        ]
        widths = [max(map(len, column)) for column in short]
        if sum(widths) + 3 * len(widths) + 1 <= WIDTH:
            break
    lines = list(zip(*short, strict=True))
    lines.insert(1, tuple("-" * width for width in widths))
    return [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines]


def shortened(column: Sequence[str], width: int) -> Sequence[str]:
    """Cells cut to a width, or to the smallest larger one at which different cells differ."""
    for size in range(width, max(map(len, column))):
        short = [cell if len(cell) <= size else f"{cell[: size - 1]}…" for cell in column]
        if len(set(short)) == len(set(column)):
            return short
    return column


def grouped(found: list[Experiment], keys: list[str]) -> dict[tuple[Any, ...], list[Metrics]]:
    """Values of the keys -> the metrics of each seed, once for each, though DVC may have several
    records of the same experiment."""
    groups: dict[tuple[Any, ...], dict[Any, Metrics]] = defaultdict(lambda: defaultdict(dict))
    for each in found:
        setting = tuple(each.setting(key) for key in keys)
        groups[setting][each.settings.get("seed")].update(each.metrics)
    return {setting: list(by_seed.values()) for setting, by_seed in groups.items()}


def lines(found: list[Experiment], parameter: str, metric: str) -> dict[str, Points]:
    """The points of each combination of the settings other than the parameter and the seed."""
    others = [key for key in experiments.varied(found) if key != parameter]
    by_label: dict[str, Points] = defaultdict(dict)
    for (x, *setting), of_seeds in grouped(found, [parameter, *others]).items():
        if x is not None:
            label = ", ".join(f"{k} = {v}" for k, v in zip(others, setting, strict=True))
            by_label[label][x] = [float(metrics[metric]) for metrics in of_seeds]
    return {
        label: dict(sorted(points.items(), key=lambda point: (isinstance(point[0], str), point[0])))
        for label, points in sorted(by_label.items())
    }


def draw(lines: dict[str, Points], parameter: str, metric: str, path: Path) -> None:
    """Write a PNG. The scale of the parameter is logarithmic if its values span a factor of 10."""
    import matplotlib.pyplot as plt

    from hotcold.reporting.figures import style

    style.use(ROOT / paths.STYLE)
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for label, points in lines.items():
        mean = [statistics.mean(values) for values in points.values()]
        spread = [statistics.stdev(v) if len(v) > 1 else 0.0 for v in points.values()]
        axis.errorbar(list(points), mean, yerr=spread, marker="o", capsize=3, label=label or None)
    xs = [x for points in lines.values() for x in points]
    if all(isinstance(x, float) for x in xs) and 0 < 10 * min(xs) <= max(xs):
        axis.set_xscale("log")
    axis.set(xlabel=parameter, ylabel=metric)
    if any(lines):
        axis.legend()
    outputs.write(path, figure.savefig, dpi=150)
    plt.close(figure)


def draw_metric(found: list[Experiment], parameter: str, metric: str, path: Path) -> None:
    """Draw a metric against a parameter. Raises UserError if no experiment has both."""
    known = {key for each in found for key in (*each.settings, *each.metrics, *each.outdated)}
    for key in (parameter, metric):
        if key not in known:
            raise UserError(f"no experiment has '{key}'{nearest(key, known)}")
    outdated = [each.name for each in found if metric in each.outdated]
    if outdated:
        print(f"left out, because they did not compute {metric}: {', '.join(outdated)}")
    points = lines([each for each in found if metric in each.metrics], parameter, metric)
    if not points:
        raise UserError(f"no experiment has computed {metric} and has {parameter}")
    draw(points, parameter, metric, path)
    count = sum(len(values) for each in points.values() for values in each.values())
    print(f"{path}: {metric} against {parameter}, {count} experiments")


@command(__doc__)
@click.option("--plot", nargs=2, metavar="SETTING METRIC", help="by their names in dvc exp show")
@click.option("--output", type=File(), metavar="PNG", help="of --plot (sweep.png)")
def main(plot: tuple[str, str] | None, output: Path | None) -> None:
    if output and not plot:
        raise UserError("--output must be absent without --plot")
    path = output or Path("sweep.png")
    if plot:
        outputs.check(path)
    rows = experiments.load()
    found = experiments.finished(rows)
    if plot and not found:
        raise UserError("there are no finished experiments: make some with dvc exp run -S")
    if plot:
        draw_metric(found, *plot, path)
    elif all(row.is_baseline for row in rows):
        print("this commit has no experiments yet: make one, as by dvc exp run -S seed=1")
    else:
        print("\n".join(table(rows)))

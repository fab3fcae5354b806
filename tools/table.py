"""The experiments as a Markdown table: python -m tools.table

A row for each experiment and each model whose metrics differ, with the settings that differ. A cell
is empty where the metric is not of these settings, because the experiment did not run its stages.
`dvc exp show` shows all settings and metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotcold.runtime import cli
from hotcold.runtime.errors import run
from hotcold.scores import shown
from tools import experiments
from tools.experiments import Experiment

# name -> head
METRICS = {"validation_loss": "loss"} | {score.key: score.key for score in shown("experiments")}
WIDTH = 100  # of the table in characters, if settings of MIN_CELL characters allow it
MIN_CELL = 10
NOTE = f"loss: validation loss; {', '.join(list(METRICS)[1:])}: of the best checkpoint"


def shortened(text: str, width: int) -> str:
    """The text, or its beginning, at most `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def heads(keys: list[str]) -> dict[str, str]:
    """For each key its last part, or as many parts as distinguish it from the other keys."""
    found = {}
    for key in keys:
        parts = key.split(".")
        names = [".".join(parts[-depth:]) for depth in range(1, len(parts) + 1)]
        others = [other for other in keys if other != key]
        found[key] = next(
            (name for name in names if not any(f".{k}".endswith(f".{name}") for k in others)), key
        )
    return found


def differing(rows: list[Experiment]) -> list[str]:
    """The models with a metric that differs between experiments, in the order of the metrics."""
    rows = [each for each in rows if each.metrics]
    names = list(dict.fromkeys(name for each in rows for name in each.metrics))
    models = []
    for name in names:
        model, _, metric = name.rpartition(".")
        values = {each.metrics.get(name) for each in rows if name not in each.outdated}
        if metric in METRICS and len(values) > 1 and model not in models:
            models.append(model)
    return models


def cells(row: Experiment, settings: list[str], models: list[str]) -> Iterator[list[str]]:
    """The lines of one experiment: name, settings, model and metrics. Without metrics it is one
    line, with the state of the experiment in place of the model."""
    first = [row.name, *(text(row.setting(key)) for key in settings)]
    present = {name.rpartition(".")[0] for name in row.metrics}
    for model in [model for model in models if model in present] or [row.state]:
        metrics = (row.metrics.get(f"{model}.{metric}") for metric in METRICS)
        yield [*first, model, *map(text, metrics)]
        first = [""] * len(first)


def text(value: Any) -> str:
    """A setting or a metric in a cell."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(rows: list[Experiment]) -> list[str]:
    """The lines of the table and of its notes."""
    settings = experiments.varied(rows)
    settings += ["seed"] * (len({row.setting("seed") for row in rows}) > 1)
    short = heads(settings)
    models = differing(rows)
    lines = [["experiment", *short.values(), "model", *METRICS.values()]]
    lines += [line for row in rows for line in cells(row, settings, models)]
    used = [any(line[k] for line in lines[1:]) for k in range(len(lines[0]))]
    lines = [[cell for cell, u in zip(line, used, strict=True) if u] for line in lines]
    keys = [f"{head}: {key}" for key, head in short.items()]
    return [*drawn(lines, len(settings)), "", *keys, NOTE]


def drawn(lines: list[list[str]], settings: int) -> list[str]:
    """Markdown. The columns after the first, as many as settings, are shortened as needed."""
    longest = max(len(cell) for line in lines for cell in line)
    for width in range(max(longest, MIN_CELL), MIN_CELL - 1, -1):
        short = [
            [shortened(cell, width) if 1 <= k <= settings else cell for k, cell in enumerate(line)]
            for line in lines
        ]
        widths = [max(map(len, column)) for column in zip(*short, strict=True)]
        if sum(widths) + 3 * len(widths) + 1 <= WIDTH:
            break
    short.insert(1, ["-" * width for width in widths])
    return [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in short]


def main() -> None:
    cli.parser("tools.table", __doc__).parse_args()
    rows = experiments.load()
    if all(row.is_baseline for row in rows):
        print("this commit has no experiments yet: make one, for example by dvc exp run -S seed=1")
    else:
        print("\n".join(table(rows)))


if __name__ == "__main__":
    run(main)

"""The picture of a search: its history, and the metric against each key."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import optuna
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from hotcold.runtime import paths
from tools import outputs
from tools.search import trials

ROOT = Path(__file__).resolve().parents[2]
POINTS: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "color": "C0",
    "alpha": 0.7,
    "clip_on": False,
}
BEST: dict[str, Any] = {
    "linestyle": "none",
    "marker": "*",
    "color": "C1",
    "markersize": 9,
    "clip_on": False,
}


def draw(study: optuna.Study, metric: str, keys: Sequence[str], path: Path) -> None:
    """Write a PNG. The metric is on a logarithmic scale if its values span a factor of 10."""
    mpl.use("Agg")
    plt.style.use(ROOT / paths.STYLE)
    done = trials.completed(study)
    panels = 1 + len(keys)
    columns = panels if panels <= 3 else math.ceil(math.sqrt(panels))
    rows = math.ceil(panels / columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.4 * columns, 2.9 * rows), sharey=True, squeeze=False
    )
    history, *axes = grid.flat
    values = _values(done)
    if min(values) > 0 and max(values) >= 10 * min(values):
        history.set_yscale("log")
    _history(history, study)
    for axis, key in zip(axes, keys, strict=False):
        _against(axis, done, study.best_trial, key)
    for axis in axes[len(keys) :]:
        axis.set_visible(False)
    for row in grid:
        row[0].set_ylabel(metric)
    outputs.write(path, figure.savefig, dpi=150)
    plt.close(figure)


def _history(axis: Axes, study: optuna.Study) -> None:
    done = trials.completed(study)
    numbers = [trial.number for trial in done]
    values = _values(done)
    better = max if study.direction == optuna.study.StudyDirection.MAXIMIZE else min
    axis.plot(numbers, values, label="trial", **POINTS)
    axis.step(
        numbers, list(accumulate(values, better)), color="C1", where="post", label="best so far"
    )
    failed = [trial.number for trial in trials.finished(study) if trial not in done]
    if failed:
        bottom: dict[str, Any] = {"transform": axis.get_xaxis_transform(), "clip_on": False}
        axis.plot(failed, [0.0] * len(failed), "x", color="C6", label="failed", **bottom)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel("trial")
    axis.legend()


def _against(axis: Axes, done: Sequence[FrozenTrial], best: FrozenTrial, key: str) -> None:
    distribution = best.distributions[key]
    position: Callable[[Any], float] = float
    if isinstance(distribution, CategoricalDistribution):
        choices = list(distribution.choices)
        position = choices.index
        axis.set_xticks(range(len(choices)), map(str, choices))
        axis.tick_params("x", rotation=90 if max(len(str(c)) for c in choices) > 12 else 0)
        axis.set_xlim(-0.5, len(choices) - 0.5)
    elif isinstance(distribution, (FloatDistribution, IntDistribution)):
        low, high = distribution.low, distribution.high
        if distribution.log and high >= 10 * low:  # otherwise the scale would have few labels
            axis.set_xscale("log")
        axis.set_xlim(low, high)
    axis.plot([position(t.params[key]) for t in done], _values(done), **POINTS)
    axis.plot([position(best.params[key])], _values([best]), **BEST)
    axis.set_xlabel(key)


def _values(done: Sequence[FrozenTrial]) -> list[float]:
    return [trial.values[0] for trial in done]

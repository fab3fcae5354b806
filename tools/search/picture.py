"""The picture of a search: its history, and the metric against each key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import optuna
from matplotlib.ticker import MaxNLocator
from optuna.distributions import CategoricalDistribution

from hotcold.runtime import paths
from tools import outputs
from tools.search import trials

ROOT = Path(__file__).resolve().parents[2]


def draw(study: optuna.Study, metric: str, keys: Sequence[str], path: Path) -> None:
    """Write a PNG. The metric is on a logarithmic scale if its values span a factor of 10."""
    mpl.use("Agg")
    plt.style.use(ROOT / paths.STYLE)
    done, best = trials.completed(study), study.best_trial
    values = [trial.values[0] for trial in done]
    panels = 1 + len(keys)
    figure, (axes,) = plt.subplots(
        1, panels, figsize=(3.4 * panels, 2.9), sharey=True, squeeze=False
    )
    history, *others = axes
    history.set(xlabel="trial", ylabel=metric)
    if 0 < 10 * min(values) <= max(values):
        history.set_yscale("log")
    maximise = study.direction == optuna.study.StudyDirection.MAXIMIZE
    numbers = [trial.number for trial in done]
    so_far = list(accumulate(values, max if maximise else min))
    history.plot(numbers, values, "o", alpha=0.7, label="trial")
    history.step(numbers, so_far, where="post", label="best so far")
    history.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    history.legend()
    for axis, key in zip(others, keys, strict=True):
        distribution: Any = best.distributions[key]
        if isinstance(distribution, CategoricalDistribution):
            axis.tick_params(
                "x", rotation=90 if max(len(str(c)) for c in distribution.choices) > 12 else 0
            )
        elif distribution.log and distribution.high >= 10 * distribution.low:  # else few labels
            axis.set_xscale("log")
        axis.plot([trial.params[key] for trial in done], values, "o", alpha=0.7)
        axis.plot(best.params[key], best.values[0], "*", markersize=9)
        axis.set_xlabel(key)
    outputs.write(path, figure.savefig, dpi=150)
    plt.close(figure)

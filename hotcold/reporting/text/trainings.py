"""How much the scores of a model vary between its trainings from several seeds."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from scipy.special import chdtri

from hotcold.reporting.reading.formatting import fixed
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text.comparisons import all_trainings
from hotcold.scores import shown


def seed_rows(models: Sequence[ModelResults], trained_again: Sequence[Row]) -> list[list[str]]:
    """Of each model that was trained more than once and each score with an interval: both, the
    value of each training, and two standard deviations.

    They are between trainings, with its 95 % interval if scores are normal, and between sets of
    images of one network, from the 95 % intervals of the scores, averaged over trainings.
    trained_again: the scores of the further trainings.
    """
    rows = []
    measured = [score for score in shown("measured") if score.spread == "interval"]
    for model, score in itertools.product(models, measured):
        key, trainings = score.key, all_trainings(model, trained_again)
        if (free := len(trainings) - 1) == 0:
            continue
        values = [each[key] for each in trainings]
        between = statistics.stdev(values)
        low, high = (between * (free / chdtri(free, tail)) ** 0.5 for tail in (0.025, 0.975))
        width = statistics.mean(
            each[f"{key}_{side}"] for each in trainings for side in ("below", "above")
        )
        images = width / statistics.NormalDist().inv_cdf(0.975)
        deviation = f"{fixed(between, key)} [{fixed(low, key)}, {fixed(high, key)}]"
        listed = ", ".join(fixed(value, key) for value in values)
        rows.append([model.name, score.heading, listed, deviation, fixed(images, key)])
    return rows

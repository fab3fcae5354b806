"""How much the scores of a model vary between its trainings from several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scipy.special import chdtri, stdtrit

from hotcold.reporting.reading.formatting import fixed, interval, names
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults
from hotcold.scores import Score, shown


@dataclass(frozen=True)
class Spread:
    """The values of one score in all trainings of a model, and two standard deviations.

    values: one for each training; the first is the one that all other tables show. between: their
    standard deviation, with its 95 % interval from `low` to `high` if scores are normal. images:
    the standard deviation between sets of images of one network, from the 95 % intervals of the
    scores, averaged over trainings.
    """

    model: str
    score: Score
    values: list[float]
    between: float
    low: float
    high: float
    images: float

    @property
    def mean(self) -> float:
        return statistics.mean(self.values)

    @property
    def margin(self) -> float:
        """By how much one further training differs from the mean at most, with a probability of
        95 % if scores are normal."""
        n = len(self.values)
        return stdtrit(n - 1, 0.975) * self.between * (1 + 1 / n) ** 0.5

    @property
    def listed(self) -> list[str]:
        return [fixed(value, self.score.key) for value in self.values]


def spreads(models: Sequence[ModelResults], trained_again: Sequence[Row]) -> Iterator[Spread]:
    """The measured scores with an interval, of each model that was trained more than once.

    trained_again: the scores of the further trainings.
    """
    measured = [score for score in shown("measured") if score.spread == "interval"]
    for model in models:
        trainings = [model.scores, *(row for row in trained_again if row["model"] == model.name)]
        free = len(trainings) - 1
        for score in measured if free else ():
            key = score.key
            values = [each[key] for each in trainings]
            between = statistics.stdev(values)
            low, high = (between * (free / chdtri(free, tail)) ** 0.5 for tail in (0.025, 0.975))
            width = statistics.mean(
                each[f"{key}_{side}"] for each in trainings for side in ("below", "above")
            )
            images = width / statistics.NormalDist().inv_cdf(0.975)
            yield Spread(model.name, score, values, between, low, high, images)


def seed_rows(models: Sequence[ModelResults], trained_again: Sequence[Row]) -> list[list[str]]:
    """The model, the score, its value of each training, and both standard deviations."""
    rows = []
    for each in spreads(models, trained_again):
        between, low, high = (
            fixed(value, each.score.key) for value in (each.between, each.low, each.high)
        )
        deviations = [f"{between} [{low}, {high}]", fixed(each.images, each.score.key)]
        rows.append([each.model, each.score.heading, ", ".join(each.listed), *deviations])
    return rows


def draw_rows(models: Sequence[ModelResults], drawn_again: Sequence[Row]) -> list[list[str]]:
    """The scores of every set of images that was drawn from the same weights: the model, the
    evaluations of the network for an image, the seed of the noise, and scores."""
    keys = ("fid", "is", "pixel_fd", "random_fd")
    rows = []
    for model in models:
        again = [row for row in drawn_again if row["model"] == model.name]
        evaluations = str(model.sampler.evaluations(model.design.degradation.T))
        for draw in [{**model.scores, "draw": "–"}, *again] if again else []:
            asked = draw.get("label_accuracy")
            accuracy = f"{100 * asked:.1f} %" if asked else "–"
            scores = [interval(draw, key) for key in keys]
            rows.append([model.name, evaluations, draw["draw"], *scores, accuracy])
    return rows


def unlike_trainings(models: Sequence[ModelResults], trained_again: Sequence[Row]) -> Iterator[str]:
    """Names the scores whose standard deviation between trainings has a 95 % interval above the
    standard deviation between sets of images of one network."""
    found: dict[str, list[str]] = {}
    for each in spreads(models, trained_again):
        if each.low > each.images:
            found.setdefault(each.model, []).append(f"{each.score.label} {names(each.listed)}")
    if found:
        listed = names([f"{model} ({'; '.join(scores)})" for model, scores in found.items()])
        yield (
            "For some scores, the 95 % interval of the standard deviation between trainings lies "
            f"above the standard deviation between sets of images of one network: {listed}. For "
            "the others, so few trainings do not show whether they vary more."
        )

"""How much the scores of a model vary between its trainings from several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scipy.special import chdtri, stdtrit

from diffusion.reporting.formatting import fixed, names
from diffusion.reporting.measured import Row
from diffusion.reporting.results import ModelResults

LABELS = {"fid": "FID", "is": "IS"}
BETTER = {"fid": "↓", "is": "↑"}


@dataclass(frozen=True)
class Spread:
    """A score of all trainings of one model, and standard deviations.

    values: by training, that of all other tables first. between: of the trainings, with `low` and
    `high` as the 95 % interval for normal scores. images: of sets of images of one network, as the
    95 % intervals of the scores imply; the mean over trainings.
    """

    model: str
    key: str
    values: list[float]
    between: float
    low: float
    high: float
    images: float

    @property
    def margin(self) -> float:
        """By how much two further trainings differ at most, with a probability of 95 % and for
        normal scores."""
        return stdtrit(len(self.values) - 1, 0.975) * self.between * 2**0.5

    @property
    def listed(self) -> list[str]:
        return [fixed(value, self.key) for value in self.values]


def spreads(models: Sequence[ModelResults], trained_again: Sequence[Row]) -> Iterator[Spread]:
    """FID and IS of each model that was trained more than once.

    trained_again: the scores of the further trainings.
    """
    for model in models:
        trainings = [model.scores, *(row for row in trained_again if row["model"] == model.name)]
        free = len(trainings) - 1
        for key in LABELS if free else ():
            values = [each[key] for each in trainings]
            between = statistics.stdev(values)
            low, high = (between * (free / chdtri(free, tail)) ** 0.5 for tail in (0.025, 0.975))
            width = statistics.mean(
                each[f"{key}_{side}"] for each in trainings for side in ("below", "above")
            )
            images = width / statistics.NormalDist().inv_cdf(0.975)
            yield Spread(model.name, key, values, between, low, high, images)


def seed_rows(models: Sequence[ModelResults], trained_again: Sequence[Row]) -> list[list[str]]:
    """The model, the score, its value of each training, and both standard deviations."""
    rows = []
    for each in spreads(models, trained_again):
        between, low, high = (
            fixed(value, each.key) for value in (each.between, each.low, each.high)
        )
        label = f"{LABELS[each.key]} {BETTER[each.key]}"
        deviations = [f"{between} [{low}, {high}]", fixed(each.images, each.key)]
        rows.append([each.model, label, ", ".join(each.listed), *deviations])
    return rows


def unlike_trainings(models: Sequence[ModelResults], trained_again: Sequence[Row]) -> Iterator[str]:
    """The scores that differ more between trainings, by the interval of their standard deviation,
    than between sets of images of one network."""
    found: dict[str, list[str]] = {}
    for each in spreads(models, trained_again):
        if each.low > each.images:
            found.setdefault(each.model, []).append(f"{LABELS[each.key]} {names(each.listed)}")
    if found:
        listed = names([f"{model} ({'; '.join(scores)})" for model, scores in found.items()])
        yield (
            "Some scores differ more between trainings than between sets of images of one network: "
            f"those of {listed}."
        )

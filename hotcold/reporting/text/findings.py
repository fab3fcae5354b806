"""What the article may say: for each of its arguments, the models and settings that show it.

The words are in report/templates/article, which leave an argument out that results do not show.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hotcold.reporting.reading.formatting import bounds, differs
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults, Scores, grouped
from hotcold.reporting.text.claims import DOMINANT, FAILS, HOLDS, Evidence, beside, most_frequent
from hotcold.reporting.text.comparisons import all_trainings, comparable, differences, lower
from hotcold.sampling.params import recorded
from hotcold.scores import UNLABELLED, find

ENVIRONMENT = ("machine", "versions")
Setting = tuple[ModelResults, Scores]  # an entry of the step study of a model


@dataclass(frozen=True)
class Results:
    """evidence: of the published models. real: scores of real images. axis: rows of the axis
    between cold and hot. by_others: those of `by_other_samplers`. compute: multiply-adds of
    training, by model."""

    models: Sequence[ModelResults]
    evidence: Evidence
    real: Scores
    axis: Sequence[Row]
    by_others: Sequence[Row]
    compute: Mapping[str, float]

    @property
    def published(self) -> list[ModelResults]:
        return list(self.evidence.models.values())

    @property
    def generating(self) -> list[ModelResults]:
        """By increasing FID."""
        return sorted((m for m in self.models if m.generates), key=lambda m: m.scores["fid"])

    def settings(self) -> list[Setting]:
        """All entries of all step studies."""
        return [(model, entry) for model in self.models for entry in model.step_study]

    def better(self, a: ModelResults, b: ModelResults) -> bool:
        """Whether every training of a model has a lower FID than every one of another."""
        again = self.evidence.trained_again
        return bool(lower(all_trainings(a, again), all_trainings(b, again), "fid"))


def findings(results: Results, conclusive: bool) -> dict[str, Any]:
    """What each of ARGUMENTS finds, by its name; None if the budget is not conclusive."""
    return {rule.__name__: rule(results) if conclusive else None for rule in ARGUMENTS}


def collapse(results: Results) -> ModelResults | None:
    """A published model with one digit that dominates its restored images with the naive sampler,
    and none with the improved one, which has a lower FID."""
    limit = DOMINANT * float(results.evidence.frequencies.max())
    for model in results.published:
        sets = model.best["sets"]
        if model.generates or not {"naive", "improved"} <= set(sets):
            continue
        shares = [most_frequent(model, key)[1] for key in ("naive", "improved")]
        found = [beside(limit, interval) for interval in shares]
        if found == [HOLDS, FAILS] and lower([sets["improved"]], [sets["naive"]], "fid"):
            return model
    return None


def share(model: ModelResults, key: str, epoch: int | None = None) -> float:
    """The share of the digit that is predicted most often in a set of images of a checkpoint, by
    default the best one."""
    counts = model.digit_counts(key, epoch)
    return float(counts.max() / counts.sum())


def dropout(results: Results) -> ModelResults | None:
    """The model of the collapse with dropout: it collapses less with the naive sampler, but more
    than either does with the improved one."""
    plain = collapse(results)
    for model in results.published:
        if (
            not plain
            or getattr(plain.design.network, "dropout", None)
            or not comparable(model, plain, ("dropout", "training", *ENVIRONMENT))
        ):
            continue
        improved = max(share(each, "improved") for each in (model, plain))
        if "dropout" in differences(model, plain) and (
            improved < share(model, "naive") < share(plain, "naive")
        ):
            return model
    return None


def draws(results: Results) -> tuple[ModelResults, ModelResults] | None:
    """A model of impulse noise that predicts the average image, and one that draws grey levels and
    has a lower FID."""
    for mean, drawing in itertools.permutations(results.generating, 2):
        kinds = (mean.kind, mean.predicts, drawing.predicts)
        alike = comparable(mean, drawing, ("prediction", "sampler", *ENVIRONMENT))
        if kinds == ("impulse", "x_0", "categorical") and alike and results.better(drawing, mean):
            return mean, drawing
    return None


def mask(results: Results) -> tuple[Any, ...] | None:
    """Two models without and with a known mask, which lowers bits per pixel by more than two
    standard errors; and their entries of one setting, where it lowers FID, too."""
    for blind, seeing in itertools.permutations(results.generating, 2):
        known = [getattr(m.design.degradation, "known_mask", None) for m in (blind, seeing)]
        if known != [False, True] or not comparable(
            blind, seeing, ("known mask", "sampler", *ENVIRONMENT)
        ):
            continue
        bits = [m.likelihood for m in (blind, seeing)]
        margin = 2 * math.hypot(*(each["standard_error"] for each in bits))
        both = itertools.product(blind.step_study, seeing.step_study)
        alike = [(a, b) for a, b in both if recorded(a) == recorded(b)]
        pairs = [(a, b) for a, b in alike if lower([b], [a], "fid")]
        if pairs and bits[1]["bits"] < bits[0]["bits"] - margin:
            return blind, seeing, *min(pairs, key=lambda pair: pair[0]["fid"] + pair[1]["fid"])
    return None


def noise(results: Results) -> tuple[list[Row], list[Row]] | None:
    """The rows of the axis of the size with the lowest FID, on average over its trainings, and
    those of the same model without noise, if the FID of each of them is higher."""
    own = [row for row in results.axis if row["model"] == results.axis[0]["model"]]
    sizes = grouped(own, lambda row: float(row["noise"]))
    best = min(sizes.values(), key=lambda rows: statistics.mean(r["fid"] for r in rows), default=[])
    none = sizes.get(0.0)
    return (best, none) if none and lower(best, none, "fid") else None


def sampler(results: Results) -> tuple[list[Row], list[Row]] | None:
    """The trainings of a model of the axis by another sampler, and the same by its own, if every
    FID of the latter is lower than every one of the former."""
    for model in results.models:
        size = getattr(model.design.degradation, "noise", None)
        other, own = (
            {r["seed"]: r for r in rows if r["model"] == model.name and float(r["noise"]) == size}
            for rows in (results.by_others, results.axis)
        )
        both = [seed for seed in other if seed in own]
        pairs = [other[seed] for seed in both], [own[seed] for seed in both]
        if both and lower(*pairs[::-1], "fid"):
            return pairs
    return None


def recipe(results: Results) -> tuple[ModelResults, ModelResults] | None:
    """The best published model without labels and the best further one of its kind, if the latter
    has a lower FID in every training, for less compute and in fewer evaluations."""
    plain = [m for m in results.generating if not m.design.classes]
    old = next((m for m in plain if m.name in results.evidence.models), None)
    new = next(
        (m for m in plain if old and m not in results.published and m.kind == old.kind), None
    )
    if not old or not new or not results.better(new, old):
        return None
    cheaper = results.compute[new.name] < results.compute[old.name]
    return (old, new) if cheaper and new.evaluations < old.evaluations else None


def fewer_steps(results: Results) -> Setting | None:
    """A published model and the setting that saves most evaluations without an FID that is shown to
    exceed that of the model's own sampler. Both compare with validation images."""
    found = []
    for model, entry in results.settings():
        if model.name not in results.evidence.models or entry["evaluations"] >= model.evaluations:
            continue
        own = {key: model.scores[f"validation_{key}"] for key in find("fid").columns}
        if entry["fid"] < own["fid"] or not differs(own, entry, "fid"):
            found.append((model.evaluations / entry["evaluations"], (model, entry)))
    return max(found, key=lambda each: each[0], default=(0, None))[1]


def autoguidance(results: Results) -> list[tuple[ModelResults, Scores, Scores]] | None:
    """A model whose FID a setting of autoguidance lowers, and a weaker one whose FID the same
    setting raises: each with its entries without and with it."""
    effects = []
    for model, entry in results.settings():
        plain = recorded(entry).at(0)  # of an epoch without an earlier one
        without = [e for e in model.step_study if recorded(e) == plain]
        if entry.get("autoguidance") and without and differs(without[0], entry, "fid"):
            effects.append((model, without[0], entry))
    effects.sort(key=lambda effect: effect[2]["fid"])
    for good, bad in itertools.product(effects, reversed(effects)):
        helps = lower([good[2]], [good[1]], "fid"), lower([bad[2]], [bad[1]], "fid")
        weaker = bad[1]["fid"] > good[1]["fid"]
        if helps == (True, False) and weaker and recorded(good[2]) == recorded(bad[2]):
            return [good, bad]
    return None


def labels(results: Results) -> ModelResults | None:
    """A model that draws the digit that is asked for."""
    return next((m for m in results.generating if m.design.classes), None)


def guidance(results: Results) -> tuple[Scores, Scores, Scores] | None:
    """Three settings of that model that differ in guidance alone: none, plain labels, and the most,
    if plain labels have the lowest FID."""
    model = labels(results)
    study = model.step_study if model else []
    for plain in study:
        alike = {
            getattr(recorded(e), "guidance", -1.0): e
            for e in study
            if recorded(e).model_copy(update={"guidance": 1.0}) == recorded(plain)
        }
        if alike.get(1.0) is plain and 0 in alike and max(alike) > 1:
            ends = alike[0], alike[max(alike)]
            if all(lower([plain], [end], "fid") for end in ends):
                return ends[0], plain, ends[1]
    return None


def above_real(results: Results) -> Setting | None:
    """The setting with the highest IS of those with more than real images, and with less recall."""
    real = results.real
    above = [(m, e) for m, e in results.settings() if lower([real], [e], "is")]
    found = [(m, e) for m, e in above if e["recall"] < real["recall"]]
    return max(found, key=lambda setting: setting[1]["is"], default=None)


def outranked(results: Results) -> list[ModelResults]:
    """The published models that generate, where the published definition of IS puts them below the
    collapse, by more than the standard deviations of both."""
    high, key = collapse(results), "is_published_definition"
    return [
        m
        for m in results.published
        if high and m.generates
        if high.scores[key] - m.scores[key] > high.scores[f"{key}_std"] + m.scores[f"{key}_std"]
    ]


def disagreement(results: Results) -> tuple[ModelResults, ModelResults] | None:
    """Two models that generate, by increasing FID, if distances in features without labels have
    the opposite order."""
    for a, b in itertools.combinations(results.generating, 2):
        orders = [lower([b.scores], [a.scores], key) for key in UNLABELLED]
        if results.better(a, b) and all(orders):
            return a, b
    return None


def copied(results: Results) -> list[str]:
    """The models whose images are nearer to the training images than validation images are, on
    average and by more than two standard errors."""
    found = []
    for model in results.models:
        distances = np.array([float(row["distance"]) for row in model.best_predictions])
        error = distances.std() / math.sqrt(len(distances))
        if results.real["nearest_training_distance"] - distances.mean() > 2 * error:
            found.append(model.name)
    return found


def sign(scores: Scores, key: str) -> int:
    """1 or -1 where the interval of a difference lies above or below 0, else 0."""
    low, high = bounds(scores, key)
    return (low > 0) - (high < 0)


def variant(entry: Scores) -> str:
    """The settings of an entry of a step study in words."""
    return f"{entry['steps']:.0f} steps, {recorded(entry).variant}"


def chosen_by_study(models: Iterable[ModelResults]) -> list[str]:
    """The models whose sampler is one of their step study."""
    return [m.name for m in models if any(recorded(e) == m.sampler for e in m.step_study)]


ARGUMENTS: tuple[Callable[[Results], Any], ...] = (
    collapse,
    dropout,
    draws,
    mask,
    noise,
    sampler,
    recipe,
    fewer_steps,
    autoguidance,
    labels,
    guidance,
    above_real,
    outranked,
    disagreement,
    copied,
)

"""The claims of the published report, each with a verdict computed from results.

A claim holds, or does not hold, only where 95 % intervals decide it; else it remains open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from hotcold.reporting.reading.formatting import bounds, fixed, interval, names
from hotcold.reporting.reading.intervals import wilson
from hotcold.reporting.reading.published import PUBLISHED_SCORES, Published
from hotcold.reporting.reading.results import ModelResults, main_scores
from hotcold.runtime.errors import UserError
from hotcold.scores import find

HOLDS, FAILS, OPEN = "holds", "does not hold", "remains open"
RESAMPLES = 1000  # of the predicted digits, for the interval of their distance
Interval = tuple[float, float]
Entry = Mapping[str, Any]  # of report/published/claims.yaml


@dataclass(frozen=True)
class Claim:
    """One row of the table of claims."""

    kind: str
    text: str
    source: str
    published: str
    here: str
    verdict: str


@dataclass(frozen=True)
class Evidence:
    """What claims are decided by.

    models: by name. frequencies: of the real digits, (10,). classifier: see
    results/classifier/scores.json.
    """

    models: Mapping[str, ModelResults]
    frequencies: np.ndarray
    classifier: Mapping[str, Any]
    published: Published

    def stated(self, model: str, key: str) -> Any:
        """A published number of a model. Raises UserError if scores.yaml lacks it."""
        known = self.published["models"].get(model, {})
        if key not in known:
            raise UserError(f"{PUBLISHED_SCORES} lacks models.{model}.{key}, which a claim is on")
        return known[key]


def decide(entries: Sequence[Entry], evidence: Evidence) -> list[Claim]:
    """The claims about models that were run; entries: of report/published/claims.yaml."""
    return [
        Claim(entry["kind"], entry["text"], entry["source"], *RULES[entry["kind"]](entry, evidence))
        for entry in entries
        if concerned(entry) <= set(evidence.models)
    ]


def concerned(entry: Entry) -> set[str]:
    """The models that a claim is about."""
    than = entry.get("than", [])
    others = [than] if isinstance(than, str) else than
    return {*others, *([entry["model"]] if "model" in entry else [])}


def below(a: Interval, b: Interval) -> str:
    """Whether the first of two numbers is smaller, as far as their intervals decide it."""
    if a[1] < b[0]:
        return HOLDS
    return FAILS if b[1] < a[0] else OPEN


def all_of(verdicts: Sequence[str]) -> str:
    """A claim of several parts holds if all hold, and does not hold if one does not."""
    if FAILS in verdicts:
        return FAILS
    return OPEN if OPEN in verdicts else HOLDS


def rounded(value: float, published: float) -> str:
    """Whether a number without an interval agrees with a published one.

    It does if it is the same after rounding; a difference of one more unit of the last published
    digit is not told apart from the effect of another training run.
    """
    unit = 10.0 ** int(Decimal(str(published)).as_tuple().exponent)
    difference = abs(value - published) / unit
    if difference <= 0.5:
        return HOLDS
    return OPEN if difference <= 1.5 else FAILS


def accuracy(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    images, share = evidence.classifier["test_images"], evidence.classifier["accuracy"]
    low, high = proportion(round(share * images), images)
    floor = evidence.published["classifier_accuracy"]
    here = f"{100 * share:.2f} [{100 * low:.2f}, {100 * high:.2f}] %"
    return f"{100 * floor:.0f} %", here, below((floor, floor), (low, high))


def loss(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    key, model = "validation_loss", evidence.models[entry["model"]]
    published = evidence.stated(model.name, key)
    there = f"{published} (epoch {evidence.stated(model.name, 'best_epoch')})"
    best = model.lowest_loss
    here = f"{fixed(best[key], key)} (epoch {best['epoch']:.0f})"
    return there, here, rounded(best[key], published)


def loss_ratio(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    pair = (entry["model"], entry["than"])
    here = [evidence.models[name].column("validation_loss").min() for name in pair]
    there = [evidence.stated(name, "validation_loss") for name in pair]
    ratio = here[0] / here[1]
    published = round(there[0] / there[1], 1)
    return str(published), f"{ratio:.2f}", rounded(ratio, published)


def better(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    return order(entry, evidence, lower=not find(entry["score"]).higher_is_better)


def worse(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    return order(entry, evidence, lower=find(entry["score"]).higher_is_better)


def order(entry: Entry, evidence: Evidence, lower: bool) -> tuple[str, str, str]:
    """Whether the score of a model is lower, or else higher, than those of all others."""
    key, compared = entry["score"], [entry["model"], *entry["than"]]
    own, *others = (bounds(evidence.models[name].scores, key) for name in compared)
    verdicts = [below(own, other) if lower else below(other, own) for other in others]
    shown = [interval(evidence.models[name].scores, key) for name in compared]
    there = [published_score(evidence, name, key) for name in compared]
    return against(there), against(shown), all_of(verdicts)


def published_score(evidence: Evidence, model: str, key: str) -> str:
    """The published FID at the best epoch, or the published inception score."""
    if key == "fid":
        return str(evidence.stated(model, "fid")[evidence.stated(model, "best_epoch")])
    return str(evidence.stated(model, "inception_score")[0])


def against(values: Sequence[str]) -> str:
    return f"{values[0]} against {names(values[1:])}"


def best_epoch(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    model, fids = evidence.models[entry["model"]], evidence.stated(entry["model"], "fid")
    last = next(c for c in model.checkpoints if "last" in c["roles"])
    shown = [f"{interval(main_scores(c), 'fid')} (epoch {c['epoch']})" for c in (model.best, last)]
    epochs = (evidence.stated(model.name, "best_epoch"), evidence.published["epochs"])
    there = [f"{fids[epoch]} (epoch {epoch})" for epoch in epochs]
    verdict = below(bounds(model.scores, "fid"), bounds(main_scores(last), "fid"))
    return against(there), against(shown), verdict


def digits(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    model = evidence.models[entry["model"]]
    counts, real = model.digit_counts(model.best["main"]), evidence.frequencies
    shown, verdicts = [], []
    for digit in [*entry["often"], *entry.get("rarely", [])]:
        low, high = proportion(counts[digit], counts.sum())
        frequency = (float(real[digit]),) * 2
        often = digit in entry["often"]
        verdicts.append(below(frequency, (low, high)) if often else below((low, high), frequency))
        share = counts[digit] / counts.sum() / real[digit]
        shown.append(f"{digit}: {share:.2f} [{low / real[digit]:.2f}, {high / real[digit]:.2f}]")
    return "by eye", f"share over real frequency: {'; '.join(shown)}", all_of(verdicts)


def balance(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    distances, shown = [], []
    for model in (evidence.models[entry[key]] for key in ("model", "than")):
        counts = model.digit_counts(model.best["main"])
        value, (low, high) = class_distance(counts, evidence.frequencies)
        distances.append((low, high))
        shown.append(f"{value:.2f} [{low:.2f}, {high:.2f}]")
    return "by eye", f"class distance {against(shown)}", below(*distances)


def dominant(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    """Whether one digit makes up more of the images than any digit of the real images."""
    model = evidence.models[entry["model"]]
    words, interval = most_frequent(model, model.best["main"])
    most = float(evidence.frequencies.max())
    verdict = below((most, most), interval)
    return "nearly all images alike", f"{words}; real: at most {100 * most:.0f} %", verdict


def regularisation(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    """Whether the images of a model without regularisation are collapsed with both samplers."""
    model = evidence.models[entry["model"]]
    most = float(evidence.frequencies.max())
    shown, verdicts = [], []
    for key in ("naive", "improved"):
        words, interval = most_frequent(model, key)
        shown.append(f"{key} sampler: {words}")
        verdicts.append(below((most, most), interval))
    # A share that does not exceed the real one by its interval is no collapse.
    verdict = HOLDS if verdicts == [HOLDS, HOLDS] else FAILS if HOLDS in verdicts else OPEN
    return "one sampler", "; ".join(shown), verdict


def generates(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    model = evidence.models[entry["model"]]
    kept = model.design.degradation.kept
    rest = "" if kept is None else f" of which {kept:.0f} % of the pixels survive"
    here = "starts from noise alone" if model.generates else f"restores images{rest}"
    return "generative quality", here, HOLDS if model.generates else FAILS


def proportion(count: int, n: int) -> Interval:
    """The interval of a share."""
    low, high = wilson(np.array(count), n)
    return float(low), float(high)


def most_frequent(model: ModelResults, key: str) -> tuple[str, Interval]:
    """The most frequent predicted digit of a set of images and its share in words, and the interval
    of the share."""
    counts = model.digit_counts(key)
    digit, n = int(counts.argmax()), int(counts.sum())
    low, high = proportion(counts[digit], n)
    share, low_high = 100 * counts[digit] / n, f"[{100 * low:.0f}, {100 * high:.0f}]"
    return f"{digit} is {share:.0f} {low_high} % of the images", (low, high)


def class_distance(counts: np.ndarray, real: np.ndarray) -> tuple[float, Interval]:
    """The total variation distance between predicted digits and real frequencies, and its basic
    bootstrap interval, which corrects the bias of the percentiles, and contains the distance."""
    n = int(counts.sum())
    value = np.abs(counts / n - real).sum() / 2
    drawn = np.random.default_rng(0).multinomial(n, counts / n, RESAMPLES) / n
    low, high = np.quantile(np.abs(drawn - real).sum(1) / 2, [0.025, 0.975])
    return float(value), (max(float(2 * value - high), 0.0), max(float(2 * value - low), value))


RULES: dict[str, Callable[[Entry, Evidence], tuple[str, str, str]]] = {
    rule.__name__: rule
    for rule in (
        accuracy,
        loss,
        loss_ratio,
        better,
        worse,
        best_epoch,
        digits,
        balance,
        dominant,
        regularisation,
        generates,
    )
}

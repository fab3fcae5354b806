"""The claims of the published report, each with a verdict computed from results.

A claim holds, or does not hold, only where 95 % intervals and all trainings decide it; else it
remains open. What generates is not compared with what restores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from hotcold.reporting.reading.formatting import change, fixed, interval, names, signed
from hotcold.reporting.reading.intervals import wilson
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.published import PUBLISHED_SCORES, Published
from hotcold.reporting.reading.results import ModelResults, Scores, main_scores
from hotcold.reporting.text.comparisons import all_trainings, comparable, lower
from hotcold.runtime.errors import UserError
from hotcold.scores import find

HOLDS, FAILS, OPEN = "holds", "does not hold", "remains open"
IN_PART, UNLIKE = "holds in part", "not comparable"
TOGETHER = (UNLIKE, FAILS, OPEN, HOLDS)  # a claim of several parts has the first verdict of these
RESAMPLES = 1000  # of the predicted digits, for the interval of their distance
DOMINANT = 3  # times as frequent as any real digit: where one symbol dominates
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
    in_article: bool = False


@dataclass(frozen=True)
class Evidence:
    """What claims are decided by.

    models: by name. frequencies: of the real digits, (10,). classifier: see
    results/classifier/scores.json. trained_again: the scores of further trainings.
    """

    models: Mapping[str, ModelResults]
    frequencies: np.ndarray
    classifier: Mapping[str, Any]
    published: Published
    trained_again: Sequence[Row] = ()

    def trainings(self, model: str) -> list[Scores]:
        """The scores of every training of a model, the one that all tables show first."""
        return all_trainings(self.models[model], self.trained_again)

    def stated(self, model: str, key: str) -> Any:
        """A published number of a model. Raises UserError if scores.yaml lacks it."""
        known = self.published["models"].get(model, {})
        if key not in known:
            raise UserError(f"{PUBLISHED_SCORES} lacks models.{model}.{key}, which a claim is on")
        return known[key]


def decide(entries: Sequence[Entry], evidence: Evidence) -> list[Claim]:
    """The claims about models that were run; entries: of report/published/claims.yaml."""
    return [
        Claim(
            entry["kind"],
            entry["text"],
            entry["source"],
            *RULES[entry["kind"]](entry, evidence),
            in_article=entry.get("article", False),
        )
        for entry in entries
        if concerned(entry) <= set(evidence.models)
    ]


def concerned(entry: Entry) -> set[str]:
    """The models that a claim is about."""
    than = entry.get("than", [])
    others = [than] if isinstance(than, str) else than
    return {*others, *([entry["model"]] if "model" in entry else [])}


def beside(value: float, interval: Interval) -> str:
    """Whether a number is above this value, as far as its interval decides it."""
    low, high = interval
    return HOLDS if low > value else FAILS if high < value else OPEN


def negative(found: str) -> str:
    """The verdict on the opposite of a claim."""
    return {HOLDS: FAILS, FAILS: HOLDS}.get(found, found)


def all_of(verdicts: Sequence[str]) -> str:
    """A claim of several parts holds if all hold, and does not hold if one does not."""
    return next(each for each in TOGETHER if each in verdicts)


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
    return f"{100 * floor:.0f} %", here, beside(floor, (low, high))


def loss(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    key, model = "validation_loss", evidence.models[entry["model"]]
    published = evidence.stated(model.name, key)
    there = f"{published} (epoch {evidence.stated(model.name, 'best_epoch')})"
    best = model.lowest_loss
    here = f"{fixed(best[key], key)} (epoch {best['epoch']:.0f})"
    return there, here, rounded(best[key], published)


def loss_ratio(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    pair = (entry["model"], entry["than"])
    here = [evidence.models[name].lowest_loss["validation_loss"] for name in pair]
    there = [evidence.stated(name, "validation_loss") for name in pair]
    ratio = here[0] / here[1]
    published = round(there[0] / there[1], 1)
    return str(published), f"{ratio:.2f}", rounded(ratio, published)


def order(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    """Whether the score of a model is better, or worse, than those of all others, in every training
    that there is."""
    key, compared = entry["score"], [entry["model"], *entry["than"]]
    lower_is_claimed = (entry["kind"] == "worse") == find(key).higher_is_better
    own, *others = (evidence.models[name] for name in compared)
    there = against([published_score(evidence, name, key) for name in compared])
    if not all(comparable(own, other) for other in others):
        tasks = (f"{m.name} {'generates' if m.generates else 'restores'}" for m in (own, *others))
        return there, "; ".join(tasks), UNLIKE
    found, shown = [], []
    for other in others:
        pair = evidence.trainings(own.name), evidence.trainings(other.name)
        is_lower = lower(*pair, key)
        found.append(OPEN if is_lower is None else HOLDS if is_lower == lower_is_claimed else FAILS)
        listed = [names([fixed(each[key], key) for each in scores]) for scores in pair]
        shown.append(f"{listed[0]} against {listed[1]}: {change(other.scores, own.scores, key)}")
    return there, "; ".join(shown), all_of(found)


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
    is_lower = lower([model.scores], [main_scores(last)], "fid")
    verdict = OPEN if is_lower is None else HOLDS if is_lower else FAILS
    return against(there), against(shown), verdict


def digits(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    model = evidence.models[entry["model"]]
    counts, real = model.digit_counts(model.best["main"]), evidence.frequencies
    shown, verdicts = [], []
    for digit in [*entry["often"], *entry.get("rarely", [])]:
        low, high = proportion(counts[digit], counts.sum())
        found = beside(float(real[digit]), (low, high))
        verdicts.append(found if digit in entry["often"] else negative(found))
        share = counts[digit] / counts.sum() / real[digit]
        shown.append(f"{digit}: {share:.2f} [{low / real[digit]:.2f}, {high / real[digit]:.2f}]")
    ratios = counts / counts.sum() / real
    most = int(ratios.argmax())
    shown.append(f"highest: {most}, {ratios[most]:.2f}")
    return "by eye", f"share over real frequency: {'; '.join(shown)}", all_of(verdicts)


def balance(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    """Whether the predicted digits of a model are nearer to their real frequencies than those of
    another."""
    pair = [evidence.models[entry[key]] for key in ("model", "than")]
    rng = np.random.default_rng(0)
    counts = (m.digit_counts(m.best["main"]) for m in pair)
    found = [class_distance(each, evidence.frequencies, rng) for each in counts]
    value, low, high = apart(*found)
    values = against([fixed(distance, "class_distance") for distance, _ in found])
    here = f"class distance {values}: {signed(value, low, high, 'class_distance')}"
    verdict = negative(beside(0, (low, high))) if comparable(pair[0], pair[1]) else UNLIKE
    return "by eye", here, verdict


def dominant(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    """Whether one digit makes up DOMINANT times the share of any digit of the real images."""
    model, most = evidence.models[entry["model"]], float(evidence.frequencies.max())
    words, interval = most_frequent(model, model.best["main"])
    here = f"{words}; real: at most {100 * most:.0f} %"
    return "nearly all images alike", here, beside(DOMINANT * most, interval)


def regularisation(entry: Entry, evidence: Evidence) -> tuple[str, str, str]:
    """Whether one digit dominates the images of a model without regularisation by every sampler; in
    part, if by the naive one alone."""
    model, most = evidence.models[entry["model"]], float(evidence.frequencies.max())
    keys = [key for key in ("naive", "improved", "inferred") if key in model.best["sets"]]
    found = [most_frequent(model, key) for key in keys]
    shown = [f"{key} sampler: {words}" for key, (words, _) in zip(keys, found, strict=True)]
    verdicts = [beside(DOMINANT * most, interval) for _, interval in found]
    alone = verdicts[0] == HOLDS and set(verdicts[1:]) == {FAILS}
    here = "; ".join(shown).replace("inferred sampler", "the same, with inferred noise")
    return "one sampler", here, IN_PART if alone else all_of(verdicts)


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
    return f"{digit} makes up {share:.0f} {low_high} % of the images", (low, high)


def class_distance(
    counts: np.ndarray, real: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """The total variation distance between predicted digits and real frequencies, and those of
    RESAMPLES bootstrap samples of the digits."""
    n = int(counts.sum())
    drawn = rng.multinomial(n, counts / n, RESAMPLES) / n
    return float(np.abs(counts / n - real).sum() / 2), np.abs(drawn - real).sum(1) / 2


def apart(a: tuple[float, np.ndarray], b: tuple[float, np.ndarray]) -> tuple[float, float, float]:
    """The difference a minus b of two numbers with their bootstrap samples, and its basic bootstrap
    interval, which corrects the bias of percentiles."""
    value = a[0] - b[0]
    low, high = np.quantile(a[1] - b[1], [0.025, 0.975])
    return value, float(2 * value - high), float(2 * value - low)


RULES: dict[str, Callable[[Entry, Evidence], tuple[str, str, str]]] = {
    "accuracy": accuracy,
    "loss": loss,
    "loss_ratio": loss_ratio,
    "better": order,
    "worse": order,
    "best_epoch": best_epoch,
    "digits": digits,
    "balance": balance,
    "dominant": dominant,
    "regularisation": regularisation,
    "generates": generates,
}

"""Whether two models may be compared, in what they differ, and which of them has the lower score.

Whatever compares two models in one sentence asks `comparable`, or says `differences`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from hotcold.reporting.reading.formatting import difference, differs
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults, Scores

START = (
    "start"  # what is left of an image where sampling starts: models of two starts have two tasks
)
MASK = ("known_mask", "bound_weights")  # of a degradation; the latter are the loss of the former
BUDGET = {"epochs", "label_dropout"}  # not of the recipe


def _fields(block: Any, without: Collection[str] = (), only: Collection[str] = ()) -> Any:
    """The fields of a block of params.yaml."""
    left = block.model_dump() if block else {}
    return {k: v for k, v in left.items() if k not in without and (not only or k in only)}


# What models may differ in, in the words of a sentence. A recipe is known where all of params.yaml
# is read, which is in the report.
PARTS: Mapping[str, Callable[[ModelResults], Any]] = {
    START: lambda m: (
        m.generates or (_fields(m.design.degradation), getattr(m.sampler, START, None))
    ),
    "degradation": lambda m: _fields(m.design.degradation, without=("T", "levels", *MASK)),
    "number of steps T": lambda m: m.design.degradation.T,
    "known mask": lambda m: _fields(m.design.degradation, only=MASK),
    "prediction": lambda m: (m.predicts, getattr(m.design.degradation, "levels", None)),
    "network": lambda m: _fields(m.design.network, without=("predicts", "classes", "dropout")),
    "dropout": lambda m: getattr(m.design.network, "dropout", None) or 0,
    "labels": lambda m: m.design.classes,
    "training": lambda m: _fields(getattr(m.design, "training", None), without=BUDGET),
    "epochs": lambda m: len(m.history),
    "sampler": lambda m: _fields(m.sampler),
    "machine": lambda m: [m.environment.get(key) for key in ("device", "precision", "processes")],
    "versions": lambda m: [m.environment.get(key) for key in ("python", "torch")],
}
ALL = frozenset(PARTS) - {START}  # for the better of two models, whatever the reason


def differences(a: ModelResults, b: ModelResults) -> list[str]:
    """The parts in which two models differ."""
    return [name for name, part in PARTS.items() if part(a) != part(b)]


def comparable(a: ModelResults, b: ModelResults, but: Iterable[str] = ALL) -> bool:
    """Whether two models differ in nothing but these parts; by default, in all but the start."""
    return set(differences(a, b)) <= set(but)


def all_trainings(model: ModelResults, again: Iterable[Row]) -> list[Scores]:
    """The scores of every training of a model, first those that all tables show. again: of
    further trainings."""
    return [model.scores, *(row for row in again if row["model"] == model.name)]


def lower(a: Sequence[Scores], b: Sequence[Scores], key: str) -> bool | None:
    """Whether a score is lower in every training of a model than in every one of another; None if
    trainings disagree, or if the interval of the difference of the first ones contains 0."""
    signs = {difference(x, y, key)[0] > 0 for x in a for y in b}
    return signs.pop() if len(signs) == 1 and differs(a[0], b[0], key) else None

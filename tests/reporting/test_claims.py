"""Every rule of a claim gives each verdict that it can give, and nothing decides what intervals
leave open."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from test_findings import model
from test_trainings import again

from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text import claims, words
from hotcold.reporting.text.claims import FAILS, HOLDS, IN_PART, OPEN, UNLIKE
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load

REAL = np.full(10, 0.1)
EVEN, COLLAPSED = [100] * 10, [440, *[62] * 8, 64]  # images of each digit
PUBLISHED = load(ROOT / paths.PUBLISHED / "scores.yaml")


def verdict(
    kind: str,
    models: Iterable[ModelResults] = (),
    classifier: Any = None,
    again: Sequence[Any] = (),
    **entry: Any,
) -> str:
    """The verdict on one claim."""
    entry = {"kind": kind, "text": "a claim", "source": "somewhere"} | entry
    evidence = claims.Evidence({m.name: m for m in models}, REAL, classifier, PUBLISHED, again)
    (claim,) = claims.decide([entry], evidence)
    assert claim.here
    assert claim.published
    return claim.verdict


def with_losses(name: str, *losses: float) -> ModelResults:
    trained = model(name, 10.0)
    rows = [{"epoch": i + 1.0, "validation_loss": loss} for i, loss in enumerate(losses)]
    trained.history.extend(rows)
    return trained


def with_digits(
    name: str, counts: list[int], kind: str = "gaussian", **further: list[int]
) -> ModelResults:
    """A model of which so many images are classified as each digit. further: of other sets."""
    drawn = model(name, 10.0, kind=kind)
    drawn.predictions[:] = [
        {"epoch": "9", "set": key, "digit": str(digit)}
        for key, numbers in ({drawn.best["main"]: counts} | further).items()
        for digit, count in enumerate(numbers)
        for _ in range(count)
    ]
    return drawn


def test_a_loss_is_compared_with_the_rounded_published_one() -> None:
    """The published loss of model1 is 0.018."""
    both_sides = {HOLDS: (0.0183, 0.0176), OPEN: (0.0189, 0.0166), FAILS: (0.03, 0.001)}
    for expected, values in both_sides.items():
        for value in values:
            found = verdict("loss", [with_losses("model1", 0.5, value)], model="model1")
            assert found == expected


def test_the_ratio_of_losses_is_compared_with_the_published_ratio() -> None:
    for loss, expected in ((0.0095, HOLDS), (0.011, OPEN), (0.018, FAILS)):
        models = [with_losses("model1", 0.018), with_losses("model2", loss)]
        assert verdict("loss_ratio", models, model="model2", than="model1") == expected


@pytest.mark.parametrize(("correct", "expected"), [(9956, HOLDS), (9900, OPEN), (9800, FAILS)])
def test_the_accuracy_is_compared_by_its_interval(correct: int, expected: str) -> None:
    classifier = {"accuracy": correct / 10_000, "test_images": 10_000}
    assert verdict("accuracy", classifier=classifier) == expected


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [(10, 30, HOLDS), (30, 10, FAILS), (10, 11.4, OPEN), (10, 11.42, HOLDS)],  # half of 2^0.5
)
def test_models_are_ranked_by_intervals_of_scores(own: float, other: float, expected: str) -> None:
    models = [model("model2", own), model("model1", other)]
    pair = {"model": "model2", "than": ["model1"]}
    assert verdict("better", models, score="fid", **pair) == expected
    opposite = {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}[expected]
    assert verdict("worse", models, score="fid", **pair) == opposite


def test_a_claim_on_scores_needs_every_training() -> None:
    models = [model("model2", 10.0), model("model1", 30.0)]
    pair = {"model": "model2", "than": ["model1"], "score": "fid"}
    for fid, expected in ((12.0, HOLDS), (31.0, OPEN)):
        assert verdict("better", models, again=[again("model2", fid, 9.0)], **pair) == expected
    assert verdict("worse", models, again=[again("model1", 9.0, 9.0)], **pair) == OPEN


def test_what_generates_is_not_compared_with_what_restores() -> None:
    models = [model("model4", 10.0, kind="impulse"), model("model1", 30.0)]
    pair = {"model": "model4", "than": ["model1"]}
    assert verdict("better", models, score="fid", **pair) == UNLIKE
    assert verdict("worse", models, score="is", **pair) == UNLIKE
    drawn = [with_digits("model4", EVEN, kind="impulse"), with_digits("model1", COLLAPSED)]
    assert verdict("balance", drawn, model="model4", than="model1") == UNLIKE


def test_a_higher_inception_score_is_better() -> None:
    models = [model("model2", 10.0, 0.1), model("model1", 30.0, 0.1)]  # IS falls as FID rises
    pair = {"model": "model2", "than": ["model1"]}
    assert verdict("better", models, score="is", **pair) == HOLDS
    assert verdict("worse", models, score="is", **pair) == FAILS


@pytest.mark.parametrize(
    ("best", "last", "expected"), [(10, 30, HOLDS), (30, 10, FAILS), (10, 11, OPEN)]
)
def test_the_best_epoch_is_compared_with_the_last(best: float, last: float, expected: str) -> None:
    trained = model("model4", best)
    other = copy.deepcopy(trained.best) | {"epoch": 75, "roles": ["last"]}
    other["sets"] = model("model4", last).best["sets"]
    trained.best["roles"] = ["best"]
    trained.checkpoints.append(other)
    assert verdict("best_epoch", [trained], model="model4") == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([50, 50, 100, 100, 100, 150, 100, 150, 100, 100], HOLDS),  # 5 and 7 often
        ([100, 100, 100, 100, 100, 105, 100, 150, 100, 45], OPEN),
        ([150, 100, 100, 100, 100, 50, 100, 150, 100, 50], FAILS),
        ([150, 100, 100, 100, 100, 50, 100, 105, 100, 95], FAILS),  # 7 remains open
    ],
)
def test_digits_are_too_frequent_by_their_intervals(counts: list[int], expected: str) -> None:
    drawn = with_digits("model1", counts)
    assert verdict("digits", [drawn], model="model1", often=[5, 7]) == expected


def test_digits_are_too_rare_by_their_intervals() -> None:
    drawn = with_digits("model4", [100, 150, 50, 50, 150, 100, 100, 100, 100, 100])
    assert verdict("digits", [drawn], model="model4", often=[1], rarely=[2, 3]) == HOLDS
    assert verdict("digits", [drawn], model="model4", often=[1], rarely=[2, 4]) == FAILS


def test_the_more_balanced_digits_are_told_by_the_intervals_of_their_distance() -> None:
    skewed = [300, 300, *[50] * 8]
    pair = {"model": "model2", "than": "model1"}
    for own, other, expected in ((EVEN, skewed, HOLDS), (skewed, EVEN, FAILS), (EVEN, EVEN, OPEN)):
        models = [with_digits("model2", own), with_digits("model1", other)]
        assert verdict("balance", models, **pair) == expected


def test_the_interval_of_a_difference_of_class_distances_covers_the_true_one() -> None:
    """The distance of a sample is too large on average, which the interval corrects."""
    rng = np.random.default_rng(1)
    pair = np.full(10, 0.1), np.array([0.2, 0.2, 0.05, 0.05, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])
    true = -np.abs(pair[1] - REAL).sum() / 2
    covered = 0
    for _ in range(200):
        counts = (rng.multinomial(1000, each) for each in pair)
        _, low, high = claims.apart(*(claims.class_distance(each, REAL, rng) for each in counts))
        covered += low <= true <= high
    assert covered >= 170


def test_one_symbol_dominates_if_it_is_three_times_as_frequent_as_any_real_digit() -> None:
    some = ([180, 20, *[100] * 8], FAILS), ([310, *[76] * 8, 82], OPEN)
    for counts, expected in ((COLLAPSED, HOLDS), *some):
        assert verdict("dominant", [with_digits("model3", counts)], model="model3") == expected


@pytest.mark.parametrize(
    ("naive", "improved", "expected"),
    [(COLLAPSED, COLLAPSED, HOLDS), (COLLAPSED, EVEN, IN_PART), (EVEN, EVEN, FAILS)],
)
def test_a_collapse_that_another_sampler_cures_is_one_in_part(
    naive: list[int], improved: list[int], expected: str
) -> None:
    drawn = with_digits("model3", naive, "impulse", improved=improved)
    assert verdict("regularisation", [drawn], model="model3") == expected


def test_a_collapse_with_inferred_noise_is_no_fault_of_the_naive_sampler_alone() -> None:
    drawn = with_digits("model3", COLLAPSED, "impulse", improved=EVEN, inferred=COLLAPSED)
    drawn.best["sets"]["inferred"] = drawn.best["sets"]["improved"]
    assert verdict("regularisation", [drawn], model="model3") == FAILS


def test_a_model_that_starts_from_images_does_not_generate() -> None:
    assert verdict("generates", [model("model4", 9.0, kind="impulse")], model="model4") == FAILS
    assert verdict("generates", [model("model4", 9.0, kind="salt")], model="model4") == HOLDS


def test_claims_about_models_that_were_not_run_are_left_out() -> None:
    entries = load(ROOT / paths.PUBLISHED / "claims.yaml")["claims"]
    assert {entry["kind"] for entry in entries} == set(claims.RULES)
    classifier = {"accuracy": 0.99, "test_images": 100}
    evidence = claims.Evidence({}, REAL, classifier, PUBLISHED)
    (only,) = claims.decide(entries, evidence)
    assert "classifier" in only.text


def test_a_claim_on_a_number_that_is_not_published_names_the_number() -> None:
    with pytest.raises(UserError, match=r"scores\.yaml lacks models\.model3\.validation_loss"):
        verdict("loss", [with_losses("model3", 0.5)], model="model3")


def test_verdicts_are_counted_in_words() -> None:
    decided = [claims.Claim("", "", "", "", "", each) for each in (HOLDS, FAILS, FAILS)]
    start = "Of 3 published claims, "
    assert words.verdicts_counted(decided) == f"{start}1 holds and 2 do not hold"
    assert words.verdicts_counted(decided[:1]) == "Of 1 published claim, 1 holds"
    decided += [claims.Claim("", "", "", "", "", each) for each in (HOLDS, OPEN)]
    assert words.verdicts_counted(decided).endswith("2 hold, 2 do not hold and 1 remains open")

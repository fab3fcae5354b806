"""An argument of the article is found where results show it, and not otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hotcold.models.params import DesignParams
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text import findings
from hotcold.reporting.text.claims import Evidence
from hotcold.reporting.text.findings import Results

DEGRADATIONS = {
    "gaussian": {"kind": "gaussian", "beta": (1.0e-4, 0.02), "T": 1000},
    "impulse": {"kind": "impulse", "rho": (0.05, 0.25), "T": 150},
    "salt": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150},
    "levels": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150, "levels": 16},
    "mask": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150, "levels": 16, "known_mask": True},
    "blur": {"kind": "dissipation", "std": (0.3, 20.0), "noise": 0.1, "T": 50},
}
PREDICTS = {"gaussian": "eps", "impulse": "x_0", "salt": "x_0", "blur": "x_0"}
NAIVE = dict.fromkeys(("impulse", "salt"), "naive")
MAIN = NAIVE | {"gaussian": "ancestral", "blur": "inverse_dissipation"}


def scored(value: float, half: float) -> dict[str, float]:
    """Scores with this FID, and an inception score that is better if FID is lower."""
    ends = {f"{key}_{side}": half for key in ("fid", "is") for side in ("below", "above")}
    floor = {"fid_floor": value, "fid_floor_std": half / 2}
    return {"fid": value, "fid_infinite": value - 0.5, "is": 10 - value / 20} | ends | floor


def model(name: str, fid: float, half: float = 1.0, kind: str = "gaussian") -> ModelResults:
    main = MAIN.get(kind, "categorical")
    sets: dict[str, dict[str, float]] = {main: scored(fid, half)}
    predictions = [
        {"epoch": "9", "set": main, "digit": "0", "distance": distance}
        for distance in ("4.9", "5.0", "5.1")
    ]
    if main == "naive":
        predictions = []
        sets["naive"] |= {"psnr": 10.0, "ssim": 0.3}
        sets["improved"] = scored(fid / 2, half) | {"psnr": 17.0, "ssim": 0.8}
        sets["degraded"] = {"ssim": 0.2}
        for sampler, digits in (("naive", "8881"), ("improved", "0123")):
            predictions += [{"epoch": "9", "set": sampler, "digit": d} for d in digits]
    cold = {"kind": "cold", "start": "validation"}
    checkpoint: dict[str, Any] = {"epoch": 9, "roles": ["best", "last"], "main": main, "sets": sets}
    steps = {"steps": 50} if main == "categorical" else {}
    checkpoint["sampler"] = cold if main == "naive" else {"kind": main} | steps
    network = {"kind": "unet", "channels": (8, 8, 8), "predicts": PREDICTS.get(kind, "categorical")}
    design = DesignParams.model_validate({"degradation": DEGRADATIONS[kind], "network": network})
    return ModelResults(name, design, [], [checkpoint], predictions, [])


REAL = scored(2.0, 0.5) | {"recall": 0.9, "nearest_training_distance": 4.0}
DEFAULTS: dict[str, Any] = {"real": REAL, "axis": (), "by_others": (), "compute": {}}


def results(
    models: Sequence[ModelResults], published: str = "", again: Any = (), **others: Any
) -> Results:
    """published: the names of those models of the published report."""
    known = {m.name: m for m in models if m.name in published.split()}
    evidence = Evidence(known, np.full(10, 0.1), {}, {}, again)
    return Results(models, evidence, **(DEFAULTS | others))


def with_entries(model: ModelResults, *entries: dict[str, Any]) -> ModelResults:
    """A model with a step study; fid: of each entry."""
    study = [scored(each["fid"], 1.0) | {"kind": "ddim", "steps": 50} | each for each in entries]
    return replace(model, step_study=study)


def restoring(name: str, naive: str, improved: str, **network: Any) -> ModelResults:
    """A model with the predicted digits of 100 images of both samplers."""
    made = model(name, 30.0, kind="impulse")
    pairs = (("naive", naive), ("improved", improved))
    made.predictions[:] = [
        {"epoch": "9", "set": key, "digit": digit, "distance": "5"}
        for key, digits in pairs
        for digit in digits
    ]
    block = {"kind": "cnn", "hidden": (2,), "predicts": "x_0"} | network
    design = {"degradation": DEGRADATIONS["impulse"], "network": block}
    return replace(made, design=DesignParams.model_validate(design))


EVEN = "0123456789" * 10
ONE, SOME = "8" * 60 + EVEN[:40], "8" * 40 + EVEN[:60]


def test_a_collapse_is_one_by_the_naive_sampler_alone() -> None:
    for naive, improved, found in ((ONE, EVEN, True), (EVEN, EVEN, False), (ONE, ONE, False)):
        one = restoring("a", naive, improved)
        assert (findings.collapse(results([one], "a")) is one) == found
        assert findings.collapse(results([one])) is None
    one.best["sets"]["improved"] |= {"fid": 30.5}  # no difference is shown
    assert findings.collapse(results([restoring("a", ONE, EVEN)], "a"))
    assert findings.collapse(results([one], "a")) is None


def test_dropout_collapses_less_and_differs_in_nothing_else() -> None:
    plain, other = restoring("a", ONE, EVEN), restoring("b", SOME, EVEN, dropout=0.5)
    assert findings.dropout(results([plain, other], "a b")) is other
    for unlike in (
        restoring("b", ONE, EVEN, dropout=0.5),
        restoring("b", SOME, SOME, dropout=0.5),
        restoring("b", SOME, EVEN, dropout=0.5, hidden=(3,)),
        restoring("b", SOME, EVEN),
    ):
        assert findings.dropout(results([plain, unlike], "a b")) is None


def test_the_published_score_outranks_by_more_than_both_deviations() -> None:
    for high, found in ((1.3, ["b"]), (1.21, [])):
        models = [restoring("a", ONE, EVEN), model("b", 9.0), model("c", 9.0)]
        for each, value in zip(models, (high, 1.2, 1.5), strict=True):
            key = "is_published_definition"
            each.scores.update({key: value, f"{key}_std": 0.01})
        found_here = findings.outranked(results(models, "a b c"))
        assert [each.name for each in found_here] == found


def test_the_average_image_is_compared_with_draws_of_grey_levels() -> None:
    mean, drawing = model("a", 50.0, kind="salt"), model("b", 10.0, kind="levels")
    assert findings.draws(results([drawing, mean])) == (mean, drawing)
    masked = model("c", 5.0, kind="mask")  # starts from masked pixels, not from that noise
    longer = replace(drawing, history=[{}])
    for other in (masked, longer, model("d", 50.5, kind="levels")):
        assert findings.draws(results([mean, other])) is None
    again = [{"model": "b"} | scored(60.0, 1.0)]
    assert findings.draws(results([mean, drawing], again=again)) is None


def test_a_known_mask_is_compared_at_the_same_sampler_and_only_with_its_like() -> None:
    blind, seeing = (
        with_entries(
            replace(model(name, fid, kind=kind), likelihood={"bits": bits, "standard_error": 0.01}),
            *({"kind": "categorical", "fid": fid + i, "churn": 5.0 * i} for i in (1, 0)),
            {"kind": "categorical", "fid": 0.5, "steps": steps},
        )
        for name, kind, fid, bits, steps in (
            ("a", "levels", 9.0, 0.53, 10),
            ("b", "mask", 5.0, 0.47, 150),  # its lowest FID is of steps that the other lacks
        )
    )
    found = findings.mask(results([blind, seeing]))
    assert found is not None
    assert found[:2] == (blind, seeing)
    assert [each["fid"] for each in found[2:]] == [9.0, 5.0]
    for key, value in (("T", 100), ("levels", 8)):
        degradation = blind.design.degradation.model_copy(update={key: value})
        design = blind.design.model_copy(update={"degradation": degradation})
        assert findings.mask(results([replace(blind, design=design), seeing])) is None
    close = replace(blind, likelihood={"bits": 0.49, "standard_error": 0.01})
    for other in (close, replace(blind, history=[{}])):
        assert findings.mask(results([other, seeing])) is None


def test_noise_is_needed_where_every_training_without_it_is_worse() -> None:
    best, none = ({"model": "a", "noise": n} | scored(f, 1.0) for n, f in (("0.1", 5), ("0", 50)))
    lucky = best | {"noise": "0.2"} | scored(4, 1.0)
    again = lucky | scored(20, 1.0)
    assert findings.noise(results([], axis=[none, best])) == ([best], [none])
    assert findings.noise(results([], axis=[none, lucky, again, best])) == ([best], [none])
    assert findings.noise(results([], axis=[none, lucky, best | scored(14, 1.0)])) is not None
    assert findings.noise(results([], axis=[none, best, none | scored(4, 1.0)])) is None
    for other in ({"fid": 5.5}, {"noise": "0.2"}, {"model": "b"}):
        assert findings.noise(results([], axis=[none | other, best][::-1])) is None
    assert findings.noise(results([])) is None


def test_a_sampler_matters_if_it_lowers_fid_with_the_same_weights() -> None:
    own = [{"model": "a", "noise": "0.1", "seed": s} | scored(3, 0.5) for s in "123"]
    other = [row | scored(6, 0.5) | {"sampler": "other"} for row in own]
    blurred = [model("a", 3, kind="blur")]
    run = results(blurred, axis=own[1:], by_others=other[:2])
    assert findings.sampler(run) == (other[1:2], own[1:2])
    for rows in (
        [own[0] | scored(4, 0.5), own[1] | scored(7, 0.5)],
        [row | {"noise": "0.2"} for row in own],
        [row | {"model": "b"} for row in own],
    ):
        assert findings.sampler(results(blurred, axis=rows, by_others=other)) is None
    assert findings.sampler(results(blurred, axis=own)) is None


def test_a_recipe_is_better_in_quality_training_and_sampling() -> None:
    old, new = model("a", 20.0), model("b", 4.0)
    new.best["sampler"] = {"kind": "ddim", "steps": 50}
    compute = {"a": 200.0, "b": 25.0}
    models = [old, model("worse", 40.0), new, model("restoring", 1.0, kind="impulse")]
    assert findings.recipe(results(models, "a worse", compute=compute)) == (old, new)
    again = [{"model": "b"} | scored(30.0, 1.0)]
    assert findings.recipe(results(models, "a", again, compute=compute)) is None
    assert findings.recipe(results(models, "a", compute=compute | {"b": 300.0})) is None
    new.best["sampler"] = {"kind": "ancestral"}
    assert findings.recipe(results(models, "a", compute=compute)) is None


def test_fewer_steps_are_those_that_are_not_shown_to_be_worse() -> None:
    own = model("a", 5.0)
    own.scores.update({f"validation_{key}": v for key, v in scored(20.0, 2.0).items()})
    fids = {10: 90.0, 25: 21.0, 50: 19.0, 1000: 1.0}
    entries = [{"steps": steps, "evaluations": steps, "fid": fid} for steps, fid in fids.items()]
    found = findings.fewer_steps(results([with_entries(own, *entries)], "a"))
    assert found is not None
    assert found[1]["steps"] == 25
    for some in (entries[:1], entries[3:]):
        assert findings.fewer_steps(results([with_entries(own, *some)], "a")) is None
    assert findings.fewer_steps(results([with_entries(own, *entries)])) is None


def test_autoguidance_helps_one_model_and_ruins_a_weaker_one() -> None:
    def guided(name: str, plain: float, fid: float, **interval: object) -> ModelResults:
        auto = {"autoguidance": {"checkpoint": 5, "weight": 3.0}} | interval
        return with_entries(model(name, plain), {"fid": plain}, {"fid": fid, **auto})

    for interval in ({}, {"guidance_interval": [0.2, 0.6]}):
        good, bad = guided("a", 3.0, 1.0, **interval), guided("b", 12.0, 90.0, **interval)
        found = findings.autoguidance(results([bad, good]))
        assert found is not None
        assert [(m.name, before["fid"], after["fid"]) for m, before, after in found] == [
            *(("a", 3.0, 1.0), ("b", 12.0, 90.0))
        ]
    for other in (guided("b", 12.0, 11.5), guided("b", 2.0, 90.0), model("b", 1.0)):
        assert findings.autoguidance(results([good, other])) is None


def test_guidance_is_compared_with_no_and_with_plain_labels() -> None:
    network = {"kind": "unet", "channels": (8, 8, 8), "predicts": "eps", "classes": 10}
    design = {"degradation": DEGRADATIONS["gaussian"], "network": network}
    labelled = replace(model("a", 2.0), design=DesignParams.model_validate(design))
    entries = [{"guidance": g, "fid": fid} for g, fid in ((0.0, 9.0), (1.0, 1.0), (4.0, 6.0))]
    entries.append({"guidance": 9.0, "fid": 99.0, "steps": 10})
    run = results([with_entries(labelled, *entries)])
    assert findings.labels(run) is run.models[0]
    found = findings.guidance(run)
    assert found is not None
    assert [each["fid"] for each in found] == [9.0, 1.0, 6.0]
    for some in (entries[1:], entries[:2], [*entries[:2], {"guidance": 4.0, "fid": 1.5}]):
        assert findings.guidance(results([with_entries(labelled, *some)])) is None
    assert findings.guidance(results([model("a", 2.0)])) is None


def test_an_inception_score_above_real_images_costs_recall() -> None:
    for inception, recall, found in ((12.0, 0.5, True), (12.0, 0.95, False), (10.1, 0.5, False)):
        entry = {"fid": 5.0, "is": inception, "recall": recall}
        one = with_entries(model("a", 5.0), entry)
        assert (findings.above_real(results([one])) is not None) == found


def test_scores_disagree_where_both_other_distances_have_another_order() -> None:
    for pixels, found in ((9.0, True), (1.0, False)):
        pair = [model("a", 5.0), model("b", 15.0)]
        for each, values in zip(pair, ((pixels, 30.0), (2.0, 2.0)), strict=True):
            for key, value in zip(findings.UNLABELLED, values, strict=True):
                ends = {f"{key}_{side}": 1.0 for side in ("below", "above")}
                each.scores.update({key: value} | ends)
        assert (findings.disagreement(results(pair)) == tuple(pair)) == found


def test_copies_are_nearer_to_training_images_by_two_standard_errors() -> None:
    for distance, found in ((6.0, ["a"]), (5.05, []), (4.0, [])):  # the error is 0.047
        real = REAL | {"nearest_training_distance": distance}
        assert findings.copied(results([model("a", 1.0)], real=real)) == found


def test_a_small_budget_finds_nothing() -> None:
    run = results([restoring("a", ONE, EVEN)], "a")
    assert findings.findings(run, conclusive=True)["collapse"]
    assert not any(findings.findings(run, conclusive=False).values())


@pytest.mark.parametrize(("value", "sign"), [(0.5, 1), (0.05, 0), (-0.5, -1)])
def test_a_sign_needs_its_interval(value: float, sign: int) -> None:
    assert findings.sign({"fid": value, "fid_below": 0.1, "fid_above": 0.1}, "fid") == sign

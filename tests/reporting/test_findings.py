"""Sentences that state a finding are true of the results that they describe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hotcold.models.params import DesignParams
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text import findings

DEGRADATIONS = {
    "gaussian": {"kind": "gaussian", "beta": (1.0e-4, 0.02), "T": 1000},
    "impulse": {"kind": "impulse", "rho": (0.05, 0.25), "T": 150},
    "salt": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150},
    "levels": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150, "levels": 16},
    "mask": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150, "levels": 16, "known_mask": True},
    "blur": {"kind": "dissipation", "std": (0.3, 20.0), "noise": 0.1, "T": 50},
}
KINDS = ("gaussian", "levels", "salt", "blur")  # all generate
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


@pytest.mark.parametrize(("a", "b"), [(10.0, 30.0), (30.0, 10.0)])
def test_the_better_model_is_named_with_what_else_differs(a: float, b: float) -> None:
    best, other = ("model1", "model2") if a < b else ("model2", "model1")
    models = [model("model1", a), replace(model("model2", b), history=[{}])]
    sentence = next(findings.findings(models, scored(2.0, 0.5)))
    assert sentence == (
        f"By FID, {best} (10.00 [9.00, 11.00]) is the best model that generates, ahead of {other} "
        "(30.00 [29.00, 31.00]), by −20.00 [−21.41, −18.59]. They differ in epochs."
    )


def test_no_lead_is_shown_where_the_interval_or_a_training_does_not_show_it() -> None:
    """Intervals of ± 1 may overlap, up to a distance of 2, where that of the difference, ± 1.41,
    excludes 0."""

    def ranked(*fids: float, again: Any = ()) -> str:
        models = [
            model(name, fid, kind=kind)
            for name, fid, kind in zip("abcd", fids, KINDS, strict=False)
        ]
        return findings.ranking(models, again)

    sentence = ranked(10.0, 11.4, 30.0)
    assert "is the best" not in sentence
    assert "by −1.40 [−2.81, +0.01]; no difference from b is shown." in sentence
    assert "no difference from b and c is shown" in ranked(10.0, 11.4, 11.41)
    assert "a (10.00 [9.00, 11.00]) is the best" in ranked(10.0, 11.42)
    for fid, shown in ((12.0, True), (31.0, False)):
        other = {"model": "a"} | scored(fid, 1.0)
        assert ("is the best" in ranked(10.0, 30.0, again=[other])) == shown


def test_only_models_that_generate_are_ranked() -> None:
    models = [model("a", 10.0, kind="impulse"), model("b", 20.0, kind="salt")]
    models += [model("c", 30.0, kind="impulse"), model("e", 50.0), model("f", 60.0)]
    first, second = findings.findings(models, scored(2.0, 0.5))
    assert first.startswith("By FID, b (20.00 [19.00, 21.00]) is the best model that generates, ")
    assert second.startswith("The FID of b exceeds")
    assert list(findings.findings([models[0], models[2]], scored(2.0, 0.5))) == []


def test_distance_from_real_images() -> None:
    real = scored(2.0, 0.5)
    sentence = findings.distance_from_real(model("a", 20.0), real)
    assert "exceeds that of real images at the same N (2.00 ± 0.25 over several sets " in sentence
    assert "of them) by 18.00; " in sentence
    assert "it is 19.50, and that of real images 1.50." in sentence
    assert "is indistinguishable from" in findings.distance_from_real(model("a", 3.0), real)


@pytest.mark.parametrize(
    ("first", "last", "course", "choice"),
    [
        (30.0, 10.0, "falls from 30.00", "changes FID for a, 30.00 [29.00, 31.00] at epoch 9 "),
        (10.0, 30.0, "rises from 10.00", "changes FID for a, 10.00 [9.00, 11.00] at epoch 9 "),
        (10.0, 11.0, "is not shown to change", "is not shown to change the FID of a."),
    ],
)
def test_training_and_the_choice_of_a_checkpoint_change_fid(
    first: float, last: float, course: str, choice: str
) -> None:
    """The first checkpoint is the best one."""
    trained, other = model("a", first), model("b", 5.0)
    assert findings.over_training(trained) is None
    trained.best["roles"] = ["best"]
    later = {"epoch": 12, "roles": ["last"], "sets": {"ancestral": scored(last, 1.0)}}
    trained.checkpoints.append(trained.best | later)
    assert f"From epoch 9 to 12, the FID of a {course}" in findings.over_training(trained)
    assert choice in findings.choice_of_checkpoint([trained, other])
    unchanged = replace(trained, name="c", checkpoints=[trained.best, trained.best | later])
    unchanged.checkpoints[1]["sets"] = trained.best["sets"]
    both = findings.choice_of_checkpoint([trained, unchanged])
    assert choice.replace("FID for", "FID only for").replace("FID of a", "FID of a and c") in both
    assert findings.choice_of_checkpoint([other]) == ""


def test_samplers_are_compared_by_digits_fid_and_likeness_to_the_originals() -> None:
    restoring = model("model3", 80.0, kind="impulse")
    sentence = findings.samplers_compared(restoring)
    assert (
        "8 with the naive sampler (75 % of the images) and 0 with the improved one (25 %)"
        in sentence
    )
    assert "lowers FID from 80.00 [79.00, 81.00] to 40.00 [39.00, 41.00]" in sentence
    assert sentence.endswith(
        "PSNR changes from 10.0 to 17.0 dB and SSIM from 0.300 to 0.800 (degraded: 0.200)."
    )
    for fid, verb in ((90.0, "raises FID from 80.00"), (81.0, "is not shown to change FID")):
        restoring.best["sets"]["improved"] |= {"fid": fid}
        assert verb in findings.samplers_compared(restoring)


def test_steps_are_compared_with_one_step_in_pairs() -> None:
    restoring = model("model3", 80.0, kind="impulse")
    for key, psnr in (("improved", 0.5), ("inferred", -0.25)):
        found = {"psnr_gain": psnr, "fid_gain": 0.01}
        ends = {f"{name}_{side}": 0.1 for name in found for side in ("below", "above")}
        restoring.best["sets"].setdefault(key, {}).update(found | ends)
    assert findings.gains(restoring) == (
        "To one step of model3, the steps of the improved sampler add +0.50 [+0.40, +0.60] dB of "
        "PSNR and +0.01 [−0.09, +0.11] of FID with the true noise and −0.25 [−0.35, −0.15] dB of "
        "PSNR and +0.01 [−0.09, +0.11] of FID with inferred noise."
    )


def test_images_from_noise_alone_are_not_compared_with_originals() -> None:
    generating = model("m", 80.0, kind="salt")
    assert "PSNR" not in findings.samplers_compared(generating)


def test_regularisation_is_compared_by_both_samplers() -> None:
    plain, other = (model(name, 30.0, kind="impulse") for name in ("a", "b"))
    network = {"kind": "cnn", "hidden": (2,), "predicts": "x_0"}
    blocks = [network, network | {"dropout": 0.5}]
    for each, block in zip((plain, other), blocks, strict=True):
        design = {"degradation": DEGRADATIONS["impulse"], "network": block}
        object.__setattr__(each, "design", DesignParams.model_validate(design))
    other.predictions[:4] = [
        row | {"digit": d} for row, d in zip(other.predictions, "8812", strict=False)
    ]
    further = [{"model": "a", "fid": 70.0}]
    first, second = findings.regularised([plain, other], further)
    assert first == (
        "a and b differ in dropout. Their most frequent digits are 75 % and 50 % of the images "
        "with the naive sampler, and 25 % and 25 % with the improved one: regularisation reduces "
        "the collapse, the sampler removes it."
    )
    assert second.endswith("is 30.00 at epoch 9 and 70.00 in a further training.")
    assert not list(findings.regularised([plain, replace(other, history=[{}])], further))


def test_the_best_model_without_labels_is_compared_with_the_best_published_one() -> None:
    models = [model("model1", 40.0), model("model2", 20.0), model("new", 4.0), model("newer", 5.0)]
    models.append(model("restoring", 1.0, kind="impulse"))
    (sentence,) = findings.beyond(models, {"model2": 200.0, "new": 25.0}, {"model1", "model2"})
    assert sentence == (
        "new has an FID of 4.00 [3.00, 5.00] after 12.5 % of the training multiply-adds of model2, "
        "which has 20.00 [19.00, 21.00], and needs 1000 instead of 1000 evaluations of its network "
        "for an image."
    )
    assert not list(findings.beyond(models[2:], {}, {"model1", "model2"}))


def test_the_mean_image_is_compared_with_draws_of_grey_levels() -> None:
    models = [model("mean", 50.0, kind="salt"), model("drawn", 10.0, kind="levels")]
    (sentence,) = findings.beyond(models, {}, ())
    assert sentence.startswith("From the same salt-and-pepper noise, mean, ")
    assert sentence.endswith("−40.00 [−41.41, −38.59]. They differ in prediction and sampler.")
    masked = model("masked", 5.0, kind="mask")  # starts from masked pixels, not from that noise
    assert not list(findings.beyond([models[0], masked], {}, ()))
    longer = replace(models[1], history=[{}])
    assert not list(findings.beyond([models[0], longer], {}, ()))


def test_memorisation_is_reported_only_of_models_that_may_have_memorised() -> None:
    near = {"nearest_training_distance": 6.0}
    assert "the images of a and b lie closer" in findings.memorisation(
        [model("a", 1.0), model("b", 2.0)], near
    )
    for real in (4.0, 5.05):  # farther, and nearer by less than two standard errors, 0.047 each
        assert "the images of no model lie closer" in findings.memorisation(
            [model("a", 1.0)], {"nearest_training_distance": real}
        )


def studied(entries: dict[tuple[int, float, bool], float]) -> ModelResults:
    """A model with an FID of 20 [18, 22], and a study: (steps, eta, clip) -> FID."""
    entries_and_scores = [
        {"kind": "ddim", "steps": steps, "eta": eta, "clip": clip, "evaluations": steps}
        | scored(fid, 1.0)
        for (steps, eta, clip), fid in entries.items()
    ]
    own = model("m", 20.0, 2.0)
    for key in ("fid", "fid_below", "fid_above"):
        own.scores[f"validation_{key}"] = own.scores[key]
    own.scores["fid"] = 5.0  # against test images, which the study does not compare with
    return replace(own, step_study=entries_and_scores)


def test_fewest_evaluations_are_those_that_are_not_shown_to_be_worse() -> None:
    study = {(10, 0.0, False): 90.0, (10, 0.0, True): 22.3, (25, 0.5, False): 22.2}
    study |= {(25, 1.0, True): 21.0, (50, 1.0, False): 19.0}
    assert findings.fewest_evaluations(studied(study)) == (
        "m: 25 steps, η = 1, clipped are not shown to be worse than its own sampler, with an FID "
        "of 21.00 in 25 evaluations against 20.00 in 1000: +1.00 [−1.24, +3.24]."
    )
    for none in ({(10, 0.0, False): 22.3}, {(1000, 0.0, False): 19.0}):
        assert findings.fewest_evaluations(studied(none)) == ""


def test_the_best_churn_is_compared_with_the_best_eta_in_as_many_steps() -> None:
    own = studied({(10, 0.0, False): 9.0, (50, 0.0, False): 8.0, (50, 1.0, False): 8.5})
    assert list(findings.best_churn(own)) == []
    entries = [
        {"kind": "categorical", "steps": steps, "eta": 0.0, "churn": churn} | scored(fid, 1.0)
        for steps, churn, fid in ((10, 2.0, 1.0), (50, 2.0, 5.0), (50, 5.0, 4.5))
    ]
    of = replace(own, step_study=own.step_study + entries)
    (sentence,) = findings.best_churn(of)
    assert "an η is 8.00 [7.00, 9.00] (η = 0), and with a churn 4.50 [3.50, 5.50]" in sentence
    assert sentence.endswith("(churn = 5); the difference is −3.50 [−4.91, −2.09].")


def test_a_known_mask_is_compared_at_the_same_sampler_and_only_with_its_like() -> None:
    entry = {"kind": "categorical", "steps": 50, "eta": 0.0}
    blind, seeing = (
        replace(
            model(name, fid, kind=kind),
            likelihood={"bits": bits, "standard_error": 0.01},
            step_study=[
                entry | scored(fid, 1.0),
                entry | {"churn": 5.0} | scored(fid + 1, 1.0),
                entry | {"steps": steps} | scored(0.5, 1.0),
            ],
        )
        for name, kind, fid, bits, steps in (
            ("a", "levels", 9.0, 0.53, 10),
            ("b", "mask", 5.0, 0.47, 150),  # its lowest FID is of steps that the other lacks
        )
    )
    (sentence,) = findings.known_mask([blind, seeing])
    assert sentence == (
        "A network that also sees which pixels are noise (b, compared with a) lowers the bits per "
        "pixel from 0.530 to 0.470; with the same sampler (50 steps, η = 0), its FID against "
        "validation images is 5.00 [4.00, 6.00] instead of 9.00 [8.00, 10.00], a difference of "
        "−4.00 [−5.41, −2.59]. b is trained with the weights of the variational bound, a with "
        "equal weights. They differ in known mask."
    )
    for key, value in (("T", 100), ("levels", 8)):
        degradation = blind.design.degradation.model_copy(update={key: value})
        design = blind.design.model_copy(update={"degradation": degradation})
        assert not list(findings.known_mask([replace(blind, design=design), seeing]))
    assert not list(findings.known_mask([replace(blind, history=[{}]), seeing]))

"""Sentences that state a finding are true of the results that they describe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hotcold.models.params import DesignParams
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text import findings
from hotcold.scores import find

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
    return {"fid": value, "fid_infinite": value - 0.5, "is": 10 - value / 20} | ends


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
    checkpoint["sampler"] = cold if main == "naive" else {"kind": main}
    network = {"kind": "unet", "channels": (8, 8, 8), "predicts": PREDICTS.get(kind, "categorical")}
    design = DesignParams.model_validate({"degradation": DEGRADATIONS[kind], "network": network})
    return ModelResults(name, design, [], [checkpoint], predictions, [])


@pytest.mark.parametrize(("a", "b"), [(10.0, 30.0), (30.0, 10.0)])
def test_the_better_model_is_named(a: float, b: float) -> None:
    best, other = ("model1", "model2") if a < b else ("model2", "model1")
    models = [model("model1", a), model("model2", b)]
    sentence = findings.ranking(models, find("fid"))
    assert sentence.startswith(f"By FID, {best} (10.00 [9.00, 11.00]) is the best generating model")
    assert f"ahead of {other} (30.00 [29.00, 31.00]) by 20.00;" in sentence
    assert findings.ranking(models, find("is")).startswith(f"By IS, {best} ")


def test_an_overlap_shows_no_lead() -> None:
    models = [model("a", 10.0), model("b", 11.5), model("c", 30.0)]
    sentence = findings.ranking(models, find("fid"))
    assert "is the best" not in sentence
    assert sentence.endswith("its interval overlaps that of b, so no best model is shown.")
    sentence = findings.ranking([*models, model("d", 11.9)], find("fid"))
    assert "overlaps those of b and d" in sentence


def test_no_two_sentences_name_different_best_models_of_one_group() -> None:
    models = [model("a", 10.0, kind="impulse"), model("b", 20.0, kind="salt")]
    models += [model("c", 30.0, kind="impulse"), model("d", 40.0, kind="levels")]
    models += [model("e", 50.0), model("f", 60.0)]
    sentences = list(findings.findings(models, scored(2.0, 0.5)))
    ranked = [s.partition(", ahead")[0] for s in sentences if s.startswith("By FID")]
    assert ranked == [
        "By FID, a (10.00 [9.00, 11.00]) is the best restoring model (impulse degradation, "
        "naive sampler)",
        "By FID, b (20.00 [19.00, 21.00]) is the best generating model",
    ]
    alone = [model("a", 10.0), model("b", 20.0)]  # without an impulse model, none is mentioned
    assert not any("impulse" in s for s in findings.findings(alone, scored(2.0, 0.5)))


def test_distance_from_real_images() -> None:
    real = scored(2.0, 0.5)
    sentence = findings.distance_from_real(model("a", 20.0), real)
    assert "exceeds that of real images at the same N (2.00 [1.50, 2.50]) by 18.00;" in sentence
    assert "it is 19.50, and that of real images 1.50." in sentence
    assert "is indistinguishable from" in findings.distance_from_real(model("a", 3.0), real)
    restoring = findings.distance_from_real(model("a", 20.0, kind="impulse"), real)
    assert restoring.startswith("The FID of a with the naive sampler exceeds")


@pytest.mark.parametrize(
    ("first", "last", "course", "choice"),
    [
        (30.0, 10.0, "falls from 30.00", "raises FID from 10.00"),
        (10.0, 30.0, "rises from 10.00", "lowers FID from 30.00"),
        (10.0, 11.0, "does not change", "does not change FID beyond the intervals (from 11.00"),
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
    chosen, same = findings.choice_of_checkpoint([trained, other])
    assert chosen.startswith("For a, choosing epoch 9,")
    assert f"the last epoch, 12, {choice}" in chosen
    assert same == "For b, the epoch of the smallest validation loss is the last one."


def test_samplers_are_compared_by_digits_fid_and_likeness_to_the_originals() -> None:
    restoring = model("model3", 80.0, kind="impulse")
    sentence = findings.samplers_compared(restoring)
    assert "8 with the naive sampler (75 % of the images) and 0 with the improved" in sentence
    assert "lowers FID from 80.00 [79.00, 81.00] to 40.00 [39.00, 41.00]" in sentence
    assert sentence.endswith(
        "PSNR changes from 10.0 to 17.0 dB and SSIM from 0.300 to 0.800 (degraded: 0.200)."
    )
    assert "with the naive sampler is 8 (75 %" in findings.collapse(restoring, "naive")
    for fid, verb in ((90.0, "raises FID from 80.00"), (81.0, "does not change FID beyond")):
        restoring.best["sets"]["improved"] |= {"fid": fid}
        assert verb in findings.samplers_compared(restoring)


def test_images_from_noise_alone_are_not_compared_with_originals() -> None:
    generating = model("m", 80.0, kind="salt")
    generating.predictions[:] = [row | {"digit": "8"} for row in generating.predictions]
    sentence = findings.samplers_compared(generating)
    assert "8 with the naive (100 % of the images) and the improved sampler (100 %)" in sentence
    assert "PSNR" not in sentence


@pytest.mark.parametrize(
    ("fid", "ssim", "rmse", "verdict"),
    [
        (4.0, 0.7, 0.15, "as in Bansal et al."),
        (5.9, 0.7, 0.15, "unlike in Bansal et al., no decrease of FID is shown."),
        (9.0, 0.7, 0.15, "unlike in Bansal et al., no decrease of FID is shown."),
        (4.0, 0.8, 0.12, "unlike in Bansal et al., SSIM does not fall and RMSE does not rise."),
    ],
)
def test_sampling_is_compared_with_the_pattern_of_bansal_et_al(
    fid: float, ssim: float, rmse: float, verdict: str
) -> None:
    restoring = model("blur", 20.0, kind="impulse")
    restoring.best["sets"] |= {
        "one_step": scored(6.0, 0.5) | {"ssim": 0.75, "rmse": 0.14},
        "improved": scored(fid, 0.5) | {"ssim": ssim, "rmse": rmse},
    }
    sentence = findings.sampled_or_direct(restoring)
    assert sentence.startswith("blur, from one step to the improved sampler: FID 6.00 [5.50, 6.50]")
    assert sentence.endswith(f"SSIM 0.750 to {ssim:.3f}, RMSE 0.140 to {rmse:.3f}; {verdict}")


def test_models_that_are_not_published_are_compared_with_the_best_published_one() -> None:
    models = [model("model1", 40.0), model("model2", 20.0), model("new", 4.0)]
    models.append(model("restoring", 1.0, kind="impulse"))
    compute = {"model1": 10.0, "model2": 200.0, "new": 25.0}
    published: dict[str, dict] = {"model1": {}, "model2": {}}
    best, new = findings.beyond(models, scored(2.0, 0.5), compute, published)
    assert "model2 has the lowest FID, 20.00 [19.00, 21.00], and an IS of 9.00" in best
    assert best.endswith("real images at the same N have 2.00 [1.50, 2.50] and 9.90 [9.40, 10.40].")
    assert new.startswith("new has an FID of 4.00 [3.00, 5.00] and an IS of 9.80 [8.80, 10.80]")
    assert new.endswith("after 12.5 % of the training multiply-adds of model2.")
    (alone,) = findings.beyond([model("new", 4.0)], scored(2.0, 0.5), compute, published)
    assert alone.endswith("and an IS of 9.80 [8.80, 10.80].")


def test_the_mean_image_is_compared_with_draws_of_grey_levels() -> None:
    models = [model("mean", 50.0, kind="salt"), model("drawn", 10.0, kind="levels")]
    *_, sentence = findings.beyond(models, scored(2.0, 0.5), {}, {})
    assert sentence.startswith("From the same salt-and-pepper noise, mean, ")
    assert "an FID of 50.00 [49.00, 51.00]; drawn, " in sentence
    masked = model("masked", 5.0, kind="mask")  # starts from masked pixels, not from that noise
    assert not any(
        "salt-and-pepper" in each
        for each in findings.beyond([models[0], masked], scored(2.0, 0.5), {}, {})
    )


def test_memorisation_is_reported_only_of_models_that_may_have_memorised() -> None:
    near = {"nearest_training_distance": 6.0}
    assert "On average, the images of a and b are nearer" in findings.memorisation(
        [model("a", 1.0), model("b", 2.0)], near
    )
    for real in (4.0, 5.05):  # farther, and nearer by less than two standard errors, 0.047 each
        assert "On average, the images of no model are nearer" in findings.memorisation(
            [model("a", 1.0)], {"nearest_training_distance": real}
        )


def studied(entries: dict[tuple[int, float, bool], float]) -> ModelResults:
    """A model with an FID of 20 [18, 22], and a study: (steps, eta, clip) -> FID."""
    entries_and_scores = [
        {"steps": steps, "eta": eta, "clip": clip, "images": 50} | scored(fid, 1.0)
        for (steps, eta, clip), fid in entries.items()
    ]
    own = model("m", 20.0, 2.0)
    for key in ("fid", "fid_below", "fid_above"):
        own.scores[f"validation_{key}"] = own.scores[key]
    own.scores["fid"] = 5.0  # against test images, which the study does not compare with
    return replace(own, step_study=entries_and_scores)


def test_fewest_steps_are_those_within_the_interval_of_all_steps() -> None:
    study = {
        (10, 0.0, False): 90.0,
        (10, 0.0, True): 22.1,
        (25, 0.5, False): 21.9,
        (25, 1.0, True): 21.0,
        (50, 1.0, False): 19.0,
    }
    sentence = findings.fewest_steps(studied(study))
    assert "25 steps with η = 1 and the clean image clipped are the fewest" in sentence
    assert "FID, 21.00 [20.00, 22.00], is not above" in sentence
    assert sentence.endswith("its own sampler in 1000 steps, 20.00 [18.00, 22.00].")
    better = findings.fewest_steps(studied({(5, 0.0, False): 1.0} | study))
    assert better.startswith("m: 5 steps with η = 0 are the fewest")
    none = findings.fewest_steps(studied({(10, 0.0, False): 22.1}))
    assert none.startswith("m: no setting of the study reaches the FID of its own sampler")


def test_the_best_churn_is_compared_with_the_best_eta_in_as_many_steps() -> None:
    own = studied({(10, 0.0, False): 9.0, (50, 0.0, False): 8.0, (50, 1.0, False): 8.5})
    assert list(findings.best_churn(own)) == []
    entries = [
        {"steps": steps, "eta": 0.0, "churn": churn, "clip": False} | scored(fid, 1.0)
        for steps, churn, fid in ((10, 2.0, 1.0), (50, 2.0, 5.0), (50, 5.0, 4.5))
    ]
    of = replace(own, step_study=own.step_study + entries)
    (sentence,) = findings.best_churn(of)
    assert "an η is 8.00 [7.00, 9.00] (η = 0), and with a churn 4.50 [3.50, 5.50]" in sentence
    assert sentence.endswith("(churn = 5); the intervals do not overlap.")
    of.step_study[-1]["fid"] = 6.5
    of.step_study[-2]["fid"] = 7.5
    (sentence,) = findings.best_churn(of)
    assert sentence.endswith("(churn = 5); the intervals overlap.")

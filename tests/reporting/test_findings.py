"""Sentences that state a finding are true of the results that they describe."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import pytest

from diffusion.models.params import DesignParams
from diffusion.reporting import findings
from diffusion.reporting.results import ModelResults

DEGRADATIONS = {
    "gaussian": {"kind": "gaussian", "beta": (1.0e-4, 0.02), "T": 1000},
    "impulse": {"kind": "impulse", "rho": (0.05, 0.25), "T": 150},
    "salt": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150},
    "levels": {"kind": "impulse", "rho": (0.0, 0.5), "T": 150, "levels": 16},
}
PREDICTS = {"gaussian": "eps", "impulse": "x_0", "salt": "x_0", "levels": "categorical"}
MAIN = {"gaussian": "ancestral", "impulse": "naive", "salt": "naive", "levels": "categorical"}


def scored(value: float, half: float) -> dict[str, float]:
    """Scores with this FID, and an inception score that is better if FID is lower."""
    ends = {f"{key}_{side}": half for key in ("fid", "is") for side in ("below", "above")}
    return {
        "fid": value,
        "fid_infinite": value - 0.5,
        "is": 10 - value / 20,
        "nearest_training_distance": 5.0,
    } | ends


def model(name: str, fid: float, half: float = 1.0, kind: str = "gaussian") -> ModelResults:
    main = MAIN[kind]
    sets: dict[str, dict[str, float]] = {main: scored(fid, half)}
    predictions = []
    if main == "naive":
        sets["naive"]["psnr"], sets["improved"] = 10.0, scored(fid / 2, half) | {"psnr": 17.0}
        for sampler, digits in (("naive", "8881"), ("improved", "0123")):
            predictions += [{"epoch": "9", "set": sampler, "digit": d} for d in digits]
    sampler: dict[str, Any] = {"kind": "cold", "start": "validation"}
    if main != "naive":
        sampler = {"kind": main}
    checkpoint = {
        "epoch": 9,
        "roles": ["best", "last"],
        "main": main,
        "sampler": sampler,
        "sets": sets,
    }
    network = {"kind": "unet", "channels": (8, 8, 8), "predicts": PREDICTS[kind]}
    design = DesignParams.model_validate({"degradation": DEGRADATIONS[kind], "network": network})
    return ModelResults(name, design, {}, [], [checkpoint], predictions, [])


@pytest.mark.parametrize(("a", "b"), [(10.0, 30.0), (30.0, 10.0)])
def test_the_better_model_is_named(a: float, b: float) -> None:
    best, other = ("model1", "model2") if a < b else ("model2", "model1")
    sentence = findings.ranking([model("model1", a), model("model2", b)], "fid", "FID", 1)
    assert sentence == (
        f"By FID, {best} (10 [9, 11]) is the best generating model, ahead of {other} (30 [29, 31]) "
        "by 20; the intervals do not overlap."
    )
    by_is = findings.ranking([model("model1", a), model("model2", b)], "is", "IS", -1)
    assert by_is.startswith(f"By IS, {best} ")


def test_an_overlap_shows_no_lead() -> None:
    models = [model("a", 10.0), model("b", 11.5), model("c", 30.0)]
    sentence = findings.ranking(models, "fid", "FID", 1)
    assert sentence.endswith("its interval overlaps that of b, so no lead is shown.")
    sentence = findings.ranking([*models, model("d", 11.9)], "fid", "FID", 1)
    assert sentence.endswith("its interval overlaps those of b and d, so no lead is shown.")


def test_no_two_sentences_name_different_best_models_of_one_group() -> None:
    models = [model("a", 10.0, kind="impulse"), model("b", 20.0, kind="salt")]
    models += [model("c", 30.0, kind="impulse"), model("d", 40.0, kind="levels")]
    models += [model("e", 50.0), model("f", 60.0)]
    sentences = list(findings.findings(models, scored(2.0, 0.5)))
    ranked = [s.partition(", ahead")[0] for s in sentences if s.startswith("By FID")]
    assert ranked == [
        "By FID, a (10 [9, 11]) is the best restoring model (impulse degradation, naive sampler)",
        "By FID, b (20 [19, 21]) is the best generating model",
    ]


def test_distance_from_real_images() -> None:
    real = scored(2.0, 0.5)
    assert findings.distance_from_real(model("a", 20.0), real) == (
        "The FID of a is 18 more than that of real images at the same N (2 [1.5, 2.5]); "
        "extrapolated to infinite N it is 19.5, that of real images 1.5."
    )
    assert "cannot be distinguished from" in findings.distance_from_real(model("a", 3.0), real)


@pytest.mark.parametrize(
    ("first", "last", "verb"),
    [(30.0, 10.0, "falls"), (10.0, 30.0, "rises"), (10.0, 11.0, "does not")],
)
def test_the_course_of_training(first: float, last: float, verb: str) -> None:
    trained = model("a", last)
    assert findings.over_training(trained) is None
    early = copy.deepcopy(trained.checkpoints[0])
    early |= {"epoch": 2, "sets": {"ancestral": scored(first, 1.0)}}
    trained.checkpoints.insert(0, early)
    assert f"From epoch 2 to 9, the FID of a {verb}" in findings.over_training(trained)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (10.0, "instead of the last epoch (12, FID 10 [9, 11]) raises FID by 20."),
        (50.0, "instead of the last epoch (12, FID 50 [49, 51]) lowers FID by 20."),
        (29.0, "does not change FID beyond the intervals."),
    ],
)
def test_the_cost_of_the_smallest_validation_loss_is_stated(last: float, words: str) -> None:
    chosen, other = model("a", 30.0), model("b", 5.0)
    chosen.best["roles"] = ["best"]
    chosen.checkpoints.append(
        chosen.best | {"epoch": 12, "roles": ["last"], "sets": {"ancestral": scored(last, 1.0)}}
    )
    first, second = findings.choice_of_checkpoint([chosen, other])
    assert first.startswith("For a, the smallest validation loss (epoch 9, FID 30 [29, 31]) ")
    assert first.endswith(words)
    assert second.startswith("The smallest validation loss of b is that of the last epoch")


def test_ssim_of_the_samplers_is_compared_with_the_degraded_images() -> None:
    restoring = model("model3", 80.0, kind="impulse")
    for name, ssim in (("naive", 0.13), ("improved", 0.9)):
        restoring.best["sets"][name]["ssim"] = ssim
    restoring.best["sets"]["degraded"] = {"ssim": 0.27}
    assert findings.samplers_compared(restoring).endswith(
        "dB, and SSIM from 0.13 to 0.9 (0.27 of the degraded images)."
    )


def test_the_share_of_the_most_frequent_digit_is_counted() -> None:
    assert findings.samplers_compared(model("model3", 80.0, kind="impulse")) == (
        "The most frequent predicted digit of model3 is 8 with the naive sampler (75 % of the "
        "images) and 0 with the improved sampler (25 %); the improved sampler lowers FID from "
        "80 [79, 81] to 40 [39, 41], and changes PSNR from 10 to 17 dB."
    )
    assert findings.collapse(model("model3", 80.0, kind="impulse"), "naive") == (
        "At the best checkpoint, the most frequent predicted digit of model3 with the naive "
        "sampler is 8 (75 % of the images)."
    )


def test_a_sampler_that_raises_fid_is_reported_to_raise_it() -> None:
    worse = model("model3", 80.0, kind="impulse")
    worse.best["sets"]["improved"] |= {"fid": 90.0}
    assert "raises FID from 80 [79, 81] to 90 [89, 91], and" in findings.samplers_compared(worse)
    worse.best["sets"]["improved"] |= {"fid": 81.0}
    sentence = findings.samplers_compared(worse)
    assert "does not change FID beyond the intervals, 80 [79, 81] to 81 [80, 82], and" in sentence
    assert "raises" not in sentence


@pytest.mark.parametrize(
    ("fid", "ssim", "rmse", "verdict"),
    [
        (4.0, 0.7, 0.15, "as in Bansal et al."),
        (5.9, 0.7, 0.15, "unlike in Bansal et al., no decrease of FID is shown."),
        (9.0, 0.7, 0.15, "unlike in Bansal et al., no decrease of FID is shown."),
        (
            4.0,
            0.8,
            0.12,
            "unlike in Bansal et al., SSIM does not fall and RMSE does not rise.",
        ),
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
    assert sentence.startswith("blur, from one step to the improved sampler: FID 6 [5.5, 6.5] to")
    assert sentence.endswith(f"SSIM 0.75 to {ssim}, RMSE 0.14 to {rmse}; {verdict}")


def test_models_that_are_not_published_are_compared_with_the_best_published_one() -> None:
    models = [model("model1", 40.0), model("model2", 20.0), model("new", 4.0)]
    models.append(model("restoring", 1.0, kind="impulse"))
    compute = {"model1": 10.0, "model2": 200.0, "new": 25.0}
    published: dict[str, dict] = {"model1": {}, "model2": {}}
    assert list(findings.beyond(models, scored(2.0, 0.5), compute, published)) == [
        "new has an FID of 4 [3, 5], 2 more than real images at the same N, and an IS of 9.8 "
        "[8.8, 10.8], with 12.5 % of the training multiply-adds of model2 (FID 20 [19, 21], "
        "IS 9 [8, 10])."
    ]
    (alone,) = findings.beyond([model("new", 4.0)], scored(2.0, 0.5), compute, published)
    assert alone.endswith("and an IS of 9.8 [8.8, 10.8].")


def test_the_mean_image_is_compared_with_draws_of_grey_levels() -> None:
    models = [model("mean", 50.0, kind="salt"), model("drawn", 10.0, kind="levels")]
    *_, sentence = findings.beyond(models, scored(2.0, 0.5), {}, {})
    assert sentence == (
        "From the same salt-and-pepper noise, mean, whose network predicts the mean image, reaches "
        "an FID of 50 [49, 51]; drawn, which draws grey levels from the probabilities that its "
        "network predicts, reaches 10 [9, 11]. At the best checkpoint, the most frequent "
        "predicted digit of mean with the naive sampler is 8 (75 % of the images)."
    )


def test_memorisation_is_reported_only_of_models_that_may_have_memorised() -> None:
    near = {"nearest_training_distance": 6.0}
    assert "On average, the images of a and b are nearer" in findings.memorisation(
        [model("a", 1.0), model("b", 2.0)], near
    )
    far = {"nearest_training_distance": 4.0}
    assert "On average, the images of no model are nearer" in findings.memorisation(
        [model("a", 1.0)], far
    )


def test_all_findings_are_sentences() -> None:
    models = [model("a", 10.0), model("b", 20.0), model("c", 30.0, kind="impulse")]
    sentences = list(findings.findings(models, scored(2.0, 0.5)))
    assert len(sentences) == 4
    assert all(re.match(r"[A-Z].*\.$", sentence) for sentence in sentences)
    # Without an impulse model, no sentence mentions one.
    assert not any("impulse" in s for s in findings.findings(models[:2], scored(2.0, 0.5)))


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
    assert sentence == (
        "m: 25 steps with η = 1 and the clean image clipped are the fewest of the study whose FID, "
        "21 [20, 22], is not above the interval of its own sampler in 1000 steps, 20 [18, 22]."
    )
    better = findings.fewest_steps(studied({(5, 0.0, False): 1.0} | study))
    assert better.startswith("m: 5 steps with η = 0 are the fewest")


def test_a_study_that_does_not_reach_the_own_sampler_is_reported() -> None:
    assert findings.fewest_steps(studied({(10, 0.0, False): 22.1})) == (
        "m: no setting of the study reaches the FID of its own sampler in 1000 steps, 20 [18, 22]."
    )

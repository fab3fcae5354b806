"""Sentences that state a finding, each computed from the results that it describes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hotcold.reporting.reading.formatting import (
    bounds,
    change,
    differs,
    fixed,
    gain,
    interval,
    names,
    number,
)
from hotcold.reporting.reading.results import ModelResults, Scores, grouped, main_scores, samplers
from hotcold.reporting.text.settings import NONE, sees
from hotcold.sampling.params import recorded
from hotcold.scores import Score, shown

PublishedModels = Mapping[str, Mapping[str, Any]]  # `models` of report/published/scores.yaml


def findings(models: Sequence[ModelResults], real: Scores) -> Iterator[str]:
    """What the results show. real: the scores of real images."""
    for group in grouped(models, group_name).values():
        if len(group) > 1:
            for score in shown("ranking"):
                yield ranking(group, score)
        yield distance_from_real(min(group, key=lambda m: m.scores["fid"]), real)


def beyond(
    models: Iterable[ModelResults],
    real: Scores,
    compute: Mapping[str, float],
    published: PublishedModels,
) -> Iterator[str]:
    """The scores of generating models that are not in the published report, after those of the best
    one that is; and the mean image compared with draws from predicted probabilities.

    compute: multiply-adds of training up to the best checkpoint, by model.
    """
    generating = [m for m in models if m.generates]
    known = [m for m in generating if m.name in published]
    best = min(known, key=lambda m: m.scores["fid"], default=None)
    if best:
        yield (
            f"Of the published models that generate, {best.name} has the lowest FID, "
            f"{interval(best.scores, 'fid')}, and an IS of {interval(best.scores, 'is')}; real "
            f"images at the same N have {interval(real, 'fid')} and {interval(real, 'is')}."
        )
    for model in (m for m in generating if m.name not in published):
        sentence = (
            f"{model.name} has an FID of {interval(model.scores, 'fid')} and an IS of "
            f"{interval(model.scores, 'is')}"
        )
        if best:
            percent = number(100 * compute[model.name] / compute[best.name])
            sentence += f", after {percent} % of the training multiply-adds of {best.name}"
        yield sentence + "."
    drawing = [m for m in generating if m.predicts == "categorical" and sees(m.design) == NONE]
    averaging = [m for m in generating if m.kind == "impulse" and m.predicts == "x_0"]
    for model in averaging:
        for other in drawing:
            yield (
                f"From the same salt-and-pepper noise, {model.name}, whose network predicts the "
                f"mean image, reaches an FID of {interval(model.scores, 'fid')}; {other.name}, "
                "which draws grey levels from the probabilities that its network predicts, "
                f"reaches {interval(other.scores, 'fid')}."
            )


def group_name(model: ModelResults, noun: str = "model") -> str:
    """The group in which a model is ranked: all that generate, or those that restore images after
    the same degradation, with one sampler. A group has one best model by a score."""
    if model.generates:
        return f"generating {noun}"
    sampler = samplers()[model.best["main"]]
    return f"restoring {noun} ({model.design.degradation.label} degradation, {sampler} sampler)"


def ranking(models: Iterable[ModelResults], score: Score) -> str:
    """The best model by one score, if the number of images suffices to show it, or else the model
    with the best value, and those from which it is indistinguishable. Raises ValueError for a score
    of which neither higher nor lower values are better.
    """
    key = score.key
    best, *others = sorted(models, key=lambda m: m.scores[key], reverse=score.higher_is_better)
    tied = [m.name for m in others if not differs(best.scores, m.scores, key)]
    second = others[0]
    label = ", which is given the digit to draw," if best.design.classes else ""
    subject = f"By {score.label}, {best.name} ({interval(best.scores, key)}){label}"
    follower = f"{second.name} ({interval(second.scores, key)})"
    apart = f"{follower}, by {change(second.scores, best.scores, key)}"
    if tied:
        return (
            f"{subject} has the best value of all {group_name(best, 'models')}, followed by "
            f"{apart}; no difference from {names(tied)} is shown."
        )
    return f"{subject} is the best {group_name(best)}, ahead of {apart}."


def distance_from_real(best: ModelResults, real: Scores) -> str:
    """The FID of a model minus that of real images at the same N, and both at infinite N."""
    sampler = "" if best.generates else f" with the {samplers()[best.best['main']]} sampler"
    floor = f"{fixed(real['fid_floor'], 'fid')} ± {fixed(real['fid_floor_std'], 'fid')}"
    if best.scores["fid"] - best.scores["fid_below"] <= real["fid_floor"]:
        return (
            f"The FID of {best.name}{sampler} is indistinguishable from that of real images at the "
            f"same N ({floor} over several sets of them)."
        )
    return (
        f"The FID of {best.name}{sampler} exceeds that of real images at the same N "
        f"({floor} over several sets of them) by "
        f"{fixed(best.scores['fid'] - real['fid_floor'], 'fid')}; "
        f"extrapolated to infinite N, it is {fixed(best.scores['fid_infinite'], 'fid')}, and that "
        f"of real images {fixed(real['fid_infinite'], 'fid')}."
    )


def choice_of_checkpoint(models: Iterable[ModelResults]) -> Iterator[str]:
    """How FID changes if the smallest validation loss is taken instead of the last epoch."""
    same = []
    for model in models:
        last = next(c for c in model.checkpoints if "last" in c["roles"])
        if last is model.best:
            same.append(model.name)
            continue
        choice = (
            f"choosing epoch {model.best['epoch']}, which has the smallest validation loss, "
            f"instead of the last epoch, {last['epoch']},"
        )
        yield f"For {model.name}, {effect(choice, main_scores(last), model.scores)}."
    if same:
        yield f"For {names(same)}, the epoch of the smallest validation loss is the last one."


def over_training(model: ModelResults) -> str | None:
    """The change of FID from the first to the last scored checkpoint."""
    first, last = model.checkpoints[0], model.checkpoints[-1]
    if first is last:
        return None
    a, b = main_scores(first), main_scores(last)
    values = f"from {interval(a, 'fid')} to {interval(b, 'fid')}"
    if not differs(a, b, "fid"):
        course = f"is not shown to change ({values})"
    else:
        course = f"{'falls' if b['fid'] < a['fid'] else 'rises'} {values}"
    return f"From epoch {first['epoch']} to {last['epoch']}, the FID of {model.name} {course}."


def effect(cause: str, a: Scores, b: Scores) -> str:
    """What something does to FID: that it lowers or raises it from a to b, or is not shown to."""
    values = f"from {interval(a, 'fid')} to {interval(b, 'fid')}"
    if not differs(a, b, "fid"):
        return f"{cause} is not shown to change FID ({values})"
    return f"{cause} {'lowers' if b['fid'] < a['fid'] else 'raises'} FID {values}"


def most_frequent_digit(model: ModelResults, sampler: str) -> tuple[int, float]:
    """The digit that is predicted most often at the best checkpoint, and its share."""
    counts = model.digit_counts(sampler)
    return int(counts.argmax()), float(counts.max() / counts.sum())


def collapse(model: ModelResults, sampler: str) -> str:
    """The share of the most frequent digit among a sampler's images."""
    digit, share = most_frequent_digit(model, sampler)
    return (
        f"At the best checkpoint, the most frequent predicted digit of {model.name} with the "
        f"{sampler} sampler is {digit} ({100 * share:.0f} % of the images)."
    )


def samplers_compared(model: ModelResults) -> str:
    """The naive sampler, whose images collapse to one digit in figure 9, and the improved one."""
    naive, improved = model.best["sets"]["naive"], model.best["sets"]["improved"]
    digit, share = most_frequent_digit(model, "naive")
    other_digit, other_share = most_frequent_digit(model, "improved")
    shares = f"{100 * share:.0f} % of the images", f"{100 * other_share:.0f} %"
    if digit == other_digit:
        found = f"{digit} with the naive ({shares[0]}) and the improved sampler ({shares[1]})"
    else:
        found = (
            f"{digit} with the naive sampler ({shares[0]}) and {other_digit} with the improved "
            f"sampler ({shares[1]})"
        )
    sentence = (
        f"The most frequent predicted digit of {model.name} is {found}; "
        f"{effect('the improved sampler', naive, improved)}"
    )
    if not model.generates:  # else nothing of the original is left, to which it could be like
        psnr = f"{fixed(naive['psnr'], 'psnr')} to {fixed(improved['psnr'], 'psnr')} dB"
        ssim = f"{fixed(naive['ssim'], 'ssim')} to {fixed(improved['ssim'], 'ssim')}"
        degraded = fixed(model.best["sets"]["degraded"]["ssim"], "ssim")
        sentence += f", and PSNR changes from {psnr} and SSIM from {ssim} (degraded: {degraded})"
    return f"{sentence}."


def sampled_or_direct(model: ModelResults) -> str:
    """The improved sampler compared with one step, and how this differs from Bansal et al., tables
    1 to 3, where sampling lowers FID at the cost of SSIM and RMSE."""
    direct, sampled = model.best["sets"]["one_step"], model.best["sets"]["improved"]
    unlike = {
        "no decrease of FID is shown": sampled["fid"] >= direct["fid"]
        or not differs(direct, sampled, "fid"),
        "SSIM does not fall": sampled["ssim"] >= direct["ssim"],
        "RMSE does not rise": sampled["rmse"] <= direct["rmse"],
    }
    differing = [words for words, holds in unlike.items() if holds]
    verdict = (
        f"unlike in Bansal et al., {names(differing)}." if differing else "as in Bansal et al."
    )
    return (
        f"{model.name}, from one step to the improved sampler: FID {interval(direct, 'fid')} to "
        f"{interval(sampled, 'fid')}, SSIM {fixed(direct['ssim'], 'ssim')} to "
        f"{fixed(sampled['ssim'], 'ssim')}, RMSE {fixed(direct['rmse'], 'rmse')} to "
        f"{fixed(sampled['rmse'], 'rmse')}; {verdict}"
    )


def gains(model: ModelResults) -> str:
    """What the steps of the improved sampler add to one step, with the true noise of the input and
    with inferred noise."""
    sets = model.best["sets"]
    words = [
        f"{gain(sets[key], 'psnr_gain')} dB of PSNR and {gain(sets[key], 'fid_gain')} of FID with "
        f"{noise} noise"
        for key, noise in (("improved", "the true"), ("inferred", "inferred"))
        if key in sets
    ]
    return f"To one step of {model.name}, the steps of the improved sampler add {names(words)}."


def fewest_evaluations(model: ModelResults) -> str:
    """The setting of the step study with the fewest evaluations of the network whose FID lies
    within the interval of the model's own sampler, or below it, and the setting with the lowest
    FID. All compare with validation images."""
    own, key = model.scores, "validation_fid"
    T = model.design.degradation.T
    reference = f"{interval(own, key)} in {model.sampler.evaluations(T)} evaluations"
    best = min(model.step_study, key=lambda entry: entry["fid"])
    lowest = f"the lowest FID of the study is {interval(best, 'fid')} ({settings_of(best)})"
    enough = [entry for entry in model.step_study if entry["fid"] <= bounds(own, key)[1]]
    if not enough:
        return f"{model.name}: its own sampler has an FID of {reference}; {lowest}."
    entry = min(enough, key=lambda each: (each["evaluations"], each["fid"]))
    return (
        f"{model.name}: its own sampler has an FID of {reference}. {interval(entry, 'fid')} is "
        f"reached in {entry['evaluations']} ({settings_of(entry)}); {lowest}."
    )


def settings_of(entry: Mapping[str, Any]) -> str:
    """An entry of the step study in words."""
    return f"{entry['steps']} steps, {recorded(entry).variant}"


def best_churn(model: ModelResults) -> Iterator[str]:
    """The lowest FID with a churn and with an η, at the most steps of the study; nothing for a
    study without churns."""
    most = max((e["steps"] for e in model.step_study if e.get("churn")), default=0)
    entries = [entry for entry in model.step_study if entry["steps"] == most]
    with_eta = [entry for entry in entries if not entry.get("churn")]
    if most and with_eta:
        eta, churn = (
            min(chosen, key=lambda entry: entry["fid"])
            for chosen in (with_eta, [entry for entry in entries if entry.get("churn")])
        )
        yield (
            f"{model.name}: in {most} steps, the lowest FID with an η is {interval(eta, 'fid')} "
            f"({recorded(eta).variant}), and with a churn {interval(churn, 'fid')} "
            f"({recorded(churn).variant}); the difference is {change(eta, churn, 'fid')}."
        )


def known_mask(models: Iterable[ModelResults]) -> Iterator[str]:
    """Every categorical model whose network sees the mask, compared with every one of the same
    steps, levels and network that does not: bits per pixel, and FID against validation images at
    the setting of the step studies, of those that both have, with the lowest mean FID."""
    drawing = [m for m in models if m.predicts == "categorical"]
    for seeing, blind in itertools.product(drawing, drawing):
        if sees(seeing.design) == NONE or sees(blind.design) != NONE or unlike(seeing, blind):
            continue
        bits = [m.likelihood for m in (blind, seeing)]
        apart = abs(bits[0]["bits"] - bits[1]["bits"])
        shown = apart > 2 * math.hypot(*(each["standard_error"] for each in bits))
        lower = "lowers" if bits[1]["bits"] < bits[0]["bits"] else "raises"
        verb = lower if shown else "does not change, beyond two standard errors,"
        sentence = (
            f"A network that also sees which pixels are noise ({seeing.name}, compared with "
            f"{blind.name}) {verb} the bits per pixel from {fixed(bits[0]['bits'], 'bits')} to "
            f"{fixed(bits[1]['bits'], 'bits')}"
        )
        settings = {settings_of(entry): entry for entry in blind.step_study}
        pairs = [(settings.get(settings_of(entry)), entry) for entry in seeing.step_study]
        both = [(a, b) for a, b in pairs if a]
        if both:
            there, here = min(both, key=lambda pair: sum(each["fid"] for each in pair))
            values = f"{interval(here, 'fid')} instead of {interval(there, 'fid')}"
            sentence += (
                f"; with the same sampler ({settings_of(here)}), its FID against validation images "
                f"is {values}, a difference of {change(there, here, 'fid')}"
            )
        if not getattr(blind.design.degradation, "bound_weights", False):
            sentence += (
                f". {seeing.name} is trained with the weights of the variational bound, "
                f"{blind.name} with equal weights"
            )
        yield f"{sentence}."


def unlike(a: ModelResults, b: ModelResults) -> bool:
    """Whether two models differ in more than their process: in steps, grey levels, network or
    budget."""

    def of(model: ModelResults) -> tuple[Any, ...]:
        process: Any = model.design.degradation
        return process.T, process.levels, process.rho, model.design.network, len(model.history)

    return of(a) != of(b)


def guidance(model: ModelResults, accuracy: float) -> str:
    """How often a model with labels draws the digit that was asked for, and which guidance of its
    study has the lowest FID against validation images. accuracy: of the classifier."""
    best = min(model.step_study, key=lambda entry: entry["fid"])
    return (
        f"The classifier, whose accuracy is {100 * accuracy:.2f} %, recognises the digit that was "
        f"asked for in {100 * model.scores['label_accuracy']:.1f} % of "
        f"{model.scores['images']:.0f} images of {model.name} with guidance "
        f"{getattr(model.sampler, 'guidance', 1):g}. Of the settings that were studied, "
        f"the lowest FID against validation images, {interval(best, 'fid')}, is that of "
        f"{settings_of(best)}."
    )


def memorisation(models: Iterable[ModelResults], real: Scores) -> str:
    """Whether images are nearer to the training images than validation images are, by more than two
    standard errors."""
    key = "nearest_training_distance"
    than_real = (
        "nearer to the training images, by more than two standard errors, than validation images "
        f"are ({fixed(real[key], key)})"
    )
    nearer = []
    for model in models:
        distances = np.array([float(row["distance"]) for row in model.best_predictions])
        if real[key] - distances.mean() > 2 * distances.std() / math.sqrt(len(distances)):
            nearer.append(model.name)
    if not nearer:
        return f"On average, the images of no model are {than_real}."
    return (
        f"On average, the images of {names(nearer)} are {than_real}: they are memorised, or "
        "simpler than real digits; the gallery shows the nearest pairs."
    )

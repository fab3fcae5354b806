"""Sentences that state a finding, each computed from the results that it describes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from diffusion.reporting.formatting import bounds, interval, names, number, overlap
from diffusion.reporting.results import KINDS, SAMPLERS, ModelResults, Scores, main_scores
from diffusion.reporting.settings import NONE, sees
from diffusion.reporting.words import rate

RANKED = (("fid", "FID", 1), ("is", "IS", -1))  # key, name, 1 if lower is better
PublishedModels = Mapping[str, Mapping[str, Any]]  # `models` of report/published/scores.yaml


def findings(models: Sequence[ModelResults], real: Scores) -> Iterator[str]:
    """What the results show. real: the scores of real images."""
    groups: dict[str, list[ModelResults]] = {}
    for model in models:
        groups.setdefault(group_name(model), []).append(model)
    for group in groups.values():
        if len(group) > 1:
            for key, name, sign in RANKED:
                yield ranking(group, key, name, sign)
        yield distance_from_real(min(group, key=lambda m: m.scores["fid"]), real)


def beyond(
    models: Iterable[ModelResults],
    real: Scores,
    compute: Mapping[str, float],
    published: PublishedModels,
) -> Iterator[str]:
    """The scores of generating models that are not in the published report, compared with those of
    the best one that is; and the mean image compared with draws from predicted probabilities.

    compute: multiply-adds of training up to the best checkpoint, by model.
    """
    generating = [m for m in models if m.generates]
    known = [m for m in generating if m.name in published]
    for model in (m for m in generating if m.name not in published):
        sentence = (
            f"{model.name} has an FID of {interval(model.scores, 'fid')}, "
            f"{number(model.scores['fid'] - real['fid'])} more than real images at the same N, "
            f"and an IS of {interval(model.scores, 'is')}"
        )
        if known:
            best = min(known, key=lambda m: m.scores["fid"])
            percent = number(100 * compute[model.name] / compute[best.name])
            sentence += (
                f", with {percent} % of the training multiply-adds of {best.name} "
                f"(FID {interval(best.scores, 'fid')}, IS {interval(best.scores, 'is')})"
            )
        yield sentence + "."
    drawing = [m for m in generating if m.predicts == "categorical"]
    averaging = [m for m in generating if m.kind == "impulse" and m.predicts == "x_0"]
    for model in averaging:
        for other in drawing:
            yield (
                f"From the same salt-and-pepper noise, {model.name}, whose network predicts the "
                f"mean image, reaches an FID of {interval(model.scores, 'fid')}; {other.name}, "
                "which draws grey levels from the probabilities that its network predicts, "
                f"reaches {interval(other.scores, 'fid')}. {collapse(model, model.best['main'])}"
            )


def group_name(model: ModelResults) -> str:
    """The group in which a model is ranked: all that generate, or those that restore images after
    the same degradation, with one sampler. A group has one best model by a score."""
    if model.generates:
        return "generating model"
    sampler = SAMPLERS[model.best["main"]]
    return f"restoring model ({KINDS[model.kind]} degradation, {sampler} sampler)"


def ranking(models: Iterable[ModelResults], key: str, name: str, sign: int) -> str:
    """The best model by one score, and whether the number of images suffices to show it.

    sign: 1 if a lower score is better, else -1.
    """
    best, *others = sorted(models, key=lambda m: sign * m.scores[key])
    tied = [m.name for m in others if overlap(best.scores, m.scores, key)]
    second = others[0]
    sentence = (
        f"By {name}, {best.name} ({interval(best.scores, key)}) is the best {group_name(best)}, "
        f"ahead of {second.name} ({interval(second.scores, key)}) by "
        f"{number(abs(best.scores[key] - second.scores[key]))}"
    )
    if tied:
        that = "that" if len(tied) == 1 else "those"
        return f"{sentence}; its interval overlaps {that} of {names(tied)}, so no lead is shown."
    return f"{sentence}; the intervals do not overlap."


def distance_from_real(best: ModelResults, real: Scores) -> str:
    """The FID of a model minus that of real images at the same N, and both at infinite N."""
    if overlap(best.scores, real, "fid"):
        return (
            f"The FID of {best.name} cannot be distinguished from that of real images "
            f"({interval(real, 'fid')})."
        )
    return (
        f"The FID of {best.name} is {number(best.scores['fid'] - real['fid'])} more than that of "
        f"real images at the same N ({interval(real, 'fid')}); extrapolated to infinite N it is "
        f"{number(best.scores['fid_infinite'])}, that of real images "
        f"{number(real['fid_infinite'])}."
    )


def choice_of_checkpoint(models: Iterable[ModelResults]) -> Iterator[str]:
    """How FID changes if the smallest validation loss is taken instead of the last epoch."""
    same = []
    for model in models:
        last = next(c for c in model.checkpoints if "last" in c["roles"])
        if last is model.best:
            same.append(model.name)
            continue
        a, b = model.scores, main_scores(last)
        cost = a["fid"] - b["fid"]
        if overlap(a, b, "fid"):
            effect = "does not change FID beyond the intervals"
        else:
            effect = f"{'raises' if cost > 0 else 'lowers'} FID by {number(abs(cost))}"
        yield (
            f"For {model.name}, the smallest validation loss (epoch {model.best['epoch']}, FID "
            f"{interval(a, 'fid')}) instead of the last epoch ({last['epoch']}, FID "
            f"{interval(b, 'fid')}) {effect}."
        )
    if same:
        yield (
            f"The smallest validation loss of {names(same)} is that of the last epoch, so the "
            "choice between them changes nothing."
        )


def over_training(model: ModelResults) -> str | None:
    """The change of FID from the first to the last scored checkpoint."""
    first, last = model.checkpoints[0], model.checkpoints[-1]
    if first is last:
        return None
    a, b = main_scores(first), main_scores(last)
    if overlap(a, b, "fid"):
        verb = "does not change beyond its intervals"
    else:
        verb = "falls" if b["fid"] < a["fid"] else "rises"
    return (
        f"From epoch {first['epoch']} to {last['epoch']}, the FID of {model.name} {verb} "
        f"({interval(a, 'fid')} to {interval(b, 'fid')})."
    )


def commonest(model: ModelResults, sampler: str) -> tuple[int, float]:
    """The digit that is predicted most often at the best checkpoint, and its share."""
    counts = model.digit_counts(sampler)
    return int(counts.argmax()), float(counts.max() / counts.sum())


def collapse(model: ModelResults, sampler: str) -> str:
    """The share of the most frequent digit among a sampler's images."""
    digit, share = commonest(model, sampler)
    return (
        f"At the best checkpoint, the most frequent predicted digit of {model.name} with the "
        f"{sampler} sampler is {digit} ({100 * share:.0f} % of the images)."
    )


def samplers_compared(model: ModelResults) -> str:
    """The naive sampler, whose images collapse to one digit in figure 9, and the improved one."""
    naive, improved = model.best["sets"]["naive"], model.best["sets"]["improved"]
    digit, share = commonest(model, "naive")
    other_digit, other_share = commonest(model, "improved")
    if overlap(naive, improved, "fid"):
        effect = "does not change FID beyond the intervals,"
    else:
        effect = f"{'lowers' if improved['fid'] < naive['fid'] else 'raises'} FID from"
    sentence = (
        f"The most frequent predicted digit of {model.name} is {digit} with the naive sampler "
        f"({100 * share:.0f} % of the images) and {other_digit} with the improved sampler "
        f"({100 * other_share:.0f} %); the improved sampler {effect} "
        f"{interval(naive, 'fid')} to {interval(improved, 'fid')},"
    )
    if "psnr" in naive:
        psnr = f"{number(naive['psnr'])} to {number(improved['psnr'])} dB"
        sentence += f" and changes PSNR from {psnr},"
    if "ssim" in naive:
        degraded = number(model.best["sets"]["degraded"]["ssim"])
        ssim = f"{number(naive['ssim'])} to {number(improved['ssim'])}"
        sentence += f" and SSIM from {ssim} ({degraded} of the degraded images)"
    return sentence.removesuffix(",") + "."


def sampled_or_direct(model: ModelResults) -> str:
    """The improved sampler compared with one step, and how this differs from Bansal et al., tables
    1 to 3, where sampling lowers FID at the cost of SSIM and RMSE."""
    direct, sampled = model.best["sets"]["one_step"], model.best["sets"]["improved"]
    unlike = {
        "no decrease of FID is shown": sampled["fid"] >= direct["fid"]
        or overlap(direct, sampled, "fid"),
        "SSIM does not fall": sampled["ssim"] >= direct["ssim"],
        "RMSE does not rise": sampled["rmse"] <= direct["rmse"],
    }
    differing = [words for words, holds in unlike.items() if holds]
    verdict = (
        f"unlike in Bansal et al., {names(differing)}." if differing else "as in Bansal et al."
    )
    return (
        f"{model.name}, from one step to the improved sampler: FID {interval(direct, 'fid')} to "
        f"{interval(sampled, 'fid')}, SSIM {number(direct['ssim'])} to {number(sampled['ssim'])}, "
        f"RMSE {number(direct['rmse'])} to {number(sampled['rmse'])}; {verdict}"
    )


def fewest_steps(model: ModelResults) -> str:
    """The setting of the step study with the fewest steps whose FID lies within the interval of the
    model's own sampler, or below it. All compare with validation images."""
    own, key = model.scores, "validation_fid"
    reference = f"its own sampler in {steps_of(model)} steps, {interval(own, key)}"
    enough = [entry for entry in model.step_study if entry["fid"] <= bounds(own, key)[1]]
    if not enough:
        return f"{model.name}: no setting of the study reaches the FID of {reference}."
    entry = min(enough, key=lambda each: (each["steps"], each["fid"]))
    clip = " and the clean image clipped" if entry["clip"] else ""
    return (
        f"{model.name}: {entry['steps']} steps with {rate(entry)}{clip} are the fewest of "
        f"the study whose FID, {interval(entry, 'fid')}, is not above the interval of "
        f"{reference}."
    )


def known_mask(models: Iterable[ModelResults]) -> Iterator[str]:
    """Every categorical model whose network sees the mask, compared with every one that does not:
    FID and bits a pixel."""
    drawing = [m for m in models if m.predicts == "categorical"]
    for seeing, blind in itertools.product(drawing, drawing):
        if sees(seeing.design) == NONE or sees(blind.design) != NONE:
            continue
        a, b = blind.scores, seeing.scores
        if overlap(a, b, "fid"):
            fid = "does not change FID beyond the intervals,"
        else:
            fid = f"{'lowers' if b['fid'] < a['fid'] else 'raises'} FID from"
        bits = [m.likelihood for m in (blind, seeing)]
        apart = abs(bits[0]["bits"] - bits[1]["bits"])
        shown = apart > 2 * math.hypot(*(each["standard_error"] for each in bits))
        lower = "lowers" if bits[1]["bits"] < bits[0]["bits"] else "raises"
        verb = lower if shown else "does not change, beyond two standard errors,"
        yield (
            f"A network that sees which pixels are noise ({seeing.name}) instead of none "
            f"({blind.name}) {fid} {interval(a, 'fid')} to {interval(b, 'fid')} and {verb} the "
            f"bits a pixel from {number(bits[0]['bits'])} to {number(bits[1]['bits'])}, with the "
            f"same training; its own sampler takes {steps_of(seeing)} steps, that of {blind.name} "
            f"{steps_of(blind)}."
        )


def guidance(model: ModelResults, accuracy: float) -> str:
    """How often a model with labels draws the digit that was asked for, and which guidance of its
    study has the lowest FID against validation images. accuracy: of the classifier."""
    best = min(model.step_study, key=lambda entry: entry["fid"])
    return (
        f"{model.name} draws the digit that was asked for in "
        f"{100 * model.scores['label_accuracy']:.1f} % of {model.scores['images']:.0f} images, as "
        f"the classifier sees them (of the test images it classifies {100 * accuracy:.1f} % "
        f"as labelled). The lowest FID of the study, {interval(best, 'fid')}, is that of guidance "
        f"{best.get('guidance', 1):g}."
    )


def steps_of(model: ModelResults) -> int:
    """Steps of the model's own sampler."""
    return int(model.best["sampler"].get("steps", model.design.degradation.T))


def memorisation(models: Iterable[ModelResults], real: Scores) -> str:
    """Whether images are nearer to the training images than validation images are."""
    key = "nearest_training_distance"
    nearer = [m.name for m in models if m.scores[key] < real[key]]
    than_real = f"than validation images are ({number(real[key])})"
    if not nearer:
        return f"On average, the images of no model are nearer to the training images {than_real}."
    return (
        f"On average, the images of {names(nearer)} are nearer to the training images {than_real}: "
        "they are memorised, or simpler than real digits; the gallery shows the nearest pairs."
    )

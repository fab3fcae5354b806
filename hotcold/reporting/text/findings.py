"""Sentences that state a finding, each computed from the results that it describes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hotcold.reporting.reading.formatting import (
    change,
    counted,
    differs,
    fixed,
    gain,
    interval,
    names,
    number,
)
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults, Scores, main_scores
from hotcold.reporting.text.comparisons import (
    all_trainings,
    comparable,
    differences,
    lower,
    they_differ,
)
from hotcold.sampling.params import recorded


def findings(
    models: Sequence[ModelResults], real: Scores, again: Sequence[Row] = ()
) -> Iterator[str]:
    """The best of the models that generate. real: the scores of real images. again: of further
    trainings. What restores has no rank: its images show digits of the test."""
    generating = sorted((m for m in models if m.generates), key=lambda m: m.scores["fid"])
    if len(generating) > 1:
        yield ranking(generating, again)
    if generating:
        yield distance_from_real(generating[0], real)


def ranking(models: Sequence[ModelResults], again: Sequence[Row] = ()) -> str:
    """The first of models by increasing FID: that it is the best one, if differences and all
    trainings show it, or else those from which it is not told apart; and in what it differs from
    the second."""
    best, second, *_ = models
    own = all_trainings(best, again)
    tied = [m for m in models[1:] if not lower(own, all_trainings(m, again), "fid")]
    label = ", which is given the digit to draw," if best.design.classes else ""
    subject = f"By FID, {best.name} ({interval(best.scores, 'fid')}){label}"
    follower = (
        f"{second.name} ({interval(second.scores, 'fid')}), by "
        f"{change(second.scores, best.scores, 'fid')}"
    )
    differing = they_differ(best, second, *tied)
    if tied:
        return (
            f"{subject} has the best value of all models that generate, followed by {follower}; "
            f"no difference from {names([m.name for m in tied])} is shown.{differing}"
        )
    return f"{subject} is the best model that generates, ahead of {follower}.{differing}"


def beyond(
    models: Iterable[ModelResults], compute: Mapping[str, float], known: Container[str]
) -> Iterator[str]:
    """The best model without labels that is not in the published report, compared with the best
    one that is; the mean image compared with draws from predicted probabilities.

    compute: multiply-adds of training up to the best checkpoint, by model. known: the names of the
    published models.
    """
    generating = sorted((m for m in models if m.generates), key=lambda m: m.scores["fid"])
    published = [m for m in generating if m.name in known]
    new = [m for m in generating if m.name not in known and not m.design.classes]
    for old, model in itertools.islice(zip(published, new, strict=False), 1):
        counts = [m.sampler.evaluations(m.design.degradation.T) for m in (model, old)]
        percent = number(100 * compute[model.name] / compute[old.name])
        yield (
            f"{model.name} has an FID of {interval(model.scores, 'fid')} after {percent} % of the "
            f"training multiply-adds of {old.name}, which has {interval(old.scores, 'fid')}, and "
            f"needs {counts[0]} instead of {counts[1]} evaluations of its network for an image."
            f"{they_differ(model, old)}"
        )
    for mean, drawn in itertools.product(generating, generating):
        if (mean.kind, mean.predicts, drawn.predicts) != ("impulse", "x_0", "categorical"):
            continue
        if comparable(mean, drawn, but=("prediction", "sampler", "machine", "versions")):
            yield (
                f"From the same salt-and-pepper noise, {mean.name}, whose network predicts the "
                f"average image, has an FID of {interval(mean.scores, 'fid')}, and {drawn.name}, "
                f"which draws grey levels, {interval(drawn.scores, 'fid')}: a difference of "
                f"{change(mean.scores, drawn.scores, 'fid')}."
                f"{they_differ(mean, drawn)}"
            )


def distance_from_real(best: ModelResults, real: Scores) -> str:
    """The FID of a model minus that of real images at the same N, and both at infinite N."""
    floor = f"{fixed(real['fid_floor'], 'fid')} ± {fixed(real['fid_floor_std'], 'fid')}"
    if best.scores["fid"] - best.scores["fid_below"] <= real["fid_floor"]:
        return (
            f"The FID of {best.name} is indistinguishable from that of real images at the same N "
            f"({floor} over several sets of them)."
        )
    return (
        f"The FID of {best.name} exceeds that of real images at the same N ({floor} over several "
        f"sets of them) by {fixed(best.scores['fid'] - real['fid_floor'], 'fid')}; extrapolated to "
        f"infinite N, it is {fixed(best.scores['fid_infinite'], 'fid')}, and that of real images "
        f"{fixed(real['fid_infinite'], 'fid')}."
    )


def choice_of_checkpoint(models: Sequence[ModelResults]) -> str:
    """For which models FID changes if the smallest validation loss is taken instead of the last
    epoch; empty if that is the last epoch of all."""
    pairs = [(m, next(c for c in m.checkpoints if "last" in c["roles"])) for m in models]
    chosen = [(m, last) for m, last in pairs if last is not m.best]
    changed = [(m, last) for m, last in chosen if differs(main_scores(last), m.scores, "fid")]
    if not chosen:
        return ""
    start = "To choose the epoch with the smallest validation loss instead of the last one"
    if not changed:
        return f"{start} is not shown to change the FID of {names([m.name for m, _ in chosen])}."
    listed = [
        f"{m.name}, {interval(m.scores, 'fid')} at epoch {m.best['epoch']} instead of "
        f"{interval(main_scores(last), 'fid')} at epoch {last['epoch']}"
        for m, last in changed
    ]
    others = len(chosen) > len(changed)
    return f"{start} changes FID {'only ' * others}for {names(listed)}."


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


def samplers_compared(model: ModelResults) -> str:
    """The naive sampler, whose images collapse to one digit in figure 9, and the improved one."""
    naive, improved = model.best["sets"]["naive"], model.best["sets"]["improved"]
    (digit, share), (other, other_share) = (
        most_frequent_digit(model, key) for key in ("naive", "improved")
    )
    sentence = (
        f"The most frequent predicted digit of {model.name} is {digit} with the naive sampler "
        f"({100 * share:.0f} % of the images) and {other} with the improved one "
        f"({100 * other_share:.0f} %); {effect('the improved sampler', naive, improved)}"
    )
    if not model.generates:  # else nothing of the original is left, to which it could be like
        psnr = f"{fixed(naive['psnr'], 'psnr')} to {fixed(improved['psnr'], 'psnr')} dB"
        ssim = f"{fixed(naive['ssim'], 'ssim')} to {fixed(improved['ssim'], 'ssim')}"
        degraded = fixed(model.best["sets"]["degraded"]["ssim"], "ssim")
        sentence += f", and PSNR changes from {psnr} and SSIM from {ssim} (degraded: {degraded})"
    return f"{sentence}."


def regularised(models: Sequence[ModelResults], again: Sequence[Row]) -> Iterator[str]:
    """What dropout, and a schedule of the learning rate, change with each sampler; how much the
    naive sampler's FID of the model without them varies. again: of further trainings."""
    but = ("dropout", "training", "machine", "versions")
    for plain, other in itertools.permutations(models, 2):
        if not comparable(plain, other, but) or "dropout" not in differences(plain, other):
            continue
        if getattr(plain.design.network, "dropout", 0):
            continue
        naive, improved = (
            [most_frequent_digit(m, key)[1] for m in (plain, other)]
            for key in ("naive", "improved")
        )
        shares = (names([f"{100 * share:.0f} %" for share in each]) for each in (naive, improved))
        sentence = (
            f"{plain.name} and {other.name} differ in {names(differences(plain, other))}. Their "
            f"most frequent digits are {next(shares)} of the images with the naive sampler, and "
            f"{next(shares)} with the improved one"
        )
        if max(improved) < naive[1] < naive[0]:
            sentence += ": regularisation reduces the collapse, the sampler removes it"
        yield f"{sentence}."
        epochs = [
            f"{fixed(main_scores(c)['fid'], 'fid')} at epoch {c['epoch']}"
            for c in plain.checkpoints
        ]
        others = [fixed(each["fid"], "fid") for each in all_trainings(plain, again)[1:]]
        if others:
            epochs.append(
                f"{names(others)} in {'further trainings' if others[1:] else 'a further training'}"
            )
        yield f"The FID of {plain.name} with the naive sampler is {names(epochs)}."


def gains(model: ModelResults) -> str:
    """What the steps of the improved sampler add to one step, with the true noise of the input and
    with inferred noise; empty for samples that lack the one step."""
    sets = model.best["sets"]
    words = [
        f"{gain(sets[key], 'psnr_gain')} dB of PSNR and {gain(sets[key], 'fid_gain')} of FID"
        + f" with {noise} noise" * ("inferred" in sets)
        for key, noise in (("improved", "the true"), ("inferred", "inferred"))
        if "psnr_gain" in sets.get(key, {})
    ]
    if not words:
        return ""
    return f"To one step of {model.name}, the steps of the improved sampler add {names(words)}."


def fewest_evaluations(model: ModelResults) -> str:
    """The setting of the step study with the fewest evaluations of the network whose FID is not
    shown to exceed that of the model's own sampler; empty if that is the own one. Both compare with
    validation images."""
    own = {
        key.removeprefix("validation_"): value
        for key, value in model.scores.items()
        if key.startswith("validation_fid")
    }
    most = model.sampler.evaluations(model.design.degradation.T)
    enough = [
        entry
        for entry in model.step_study
        if entry["evaluations"] < most
        and (entry["fid"] < own["fid"] or not differs(own, entry, "fid"))
    ]
    if not enough:
        return ""
    entry = min(enough, key=lambda each: (each["evaluations"], each["fid"]))
    return (
        f"{model.name}: {settings_of(entry)} are not shown to be worse than its own sampler, with "
        f"an FID of {fixed(entry['fid'], 'fid')} in "
        f"{counted(int(entry['evaluations']), 'evaluation')} against {fixed(own['fid'], 'fid')} in "
        f"{most}: {change(own, entry, 'fid')}."
    )


def chosen_by_study(models: Iterable[ModelResults]) -> list[str]:
    """The models whose sampler is one of their step study."""
    return [m.name for m in models if any(recorded(e) == m.sampler for e in m.step_study)]


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
        of = [getattr(each.design.degradation, "known_mask", False) for each in (seeing, blind)]
        but = ("known mask", "sampler", "machine", "versions")
        if of != [True, False] or not comparable(seeing, blind, but):
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
        yield f"{sentence}.{they_differ(seeing, blind)}"


def guidance(model: ModelResults, real: Scores, accuracy: float, unlabelled: float) -> str:
    """How often a model with labels draws the digit that was asked for, how varied its digits are,
    and which settings of its study have the lowest FID against validation images, with and without
    labels. real: the scores of real images. accuracy: of the classifier. unlabelled: the share of
    labels that were left out in training."""
    best = min(model.step_study, key=lambda entry: entry["fid"])
    sentence = (
        f"The classifier, whose accuracy is {100 * accuracy:.2f} %, recognises the digit that was "
        f"asked for in {100 * model.scores['label_accuracy']:.1f} % of "
        f"{counted(int(model.scores['images']), 'image')} of {model.name} with guidance "
        f"{getattr(model.sampler, 'guidance', 1):g}. Their recall is "
        f"{fixed(model.scores['recall'], 'recall')}, that of real images "
        f"{fixed(real['recall'], 'recall')}. Of the settings that were studied, the lowest FID "
        f"against validation images, {interval(best, 'fid')}, is that of {settings_of(best)}"
    )
    blind = [entry for entry in model.step_study if entry.get("guidance") == 0]
    if blind and unlabelled:
        least = min(blind, key=lambda entry: entry["fid"])
        sentence += (
            f"; without labels, which {100 * unlabelled:.0f} % of the images in training lacked, "
            f"it is {interval(least, 'fid')} ({settings_of(least)})"
        )
    return f"{sentence}."


def memorisation(models: Iterable[ModelResults], real: Scores) -> str:
    """Whether images are nearer to the training images than validation images are, by more than two
    standard errors."""
    key = "nearest_training_distance"
    nearer = []
    for model in models:
        distances = np.array([float(row["distance"]) for row in model.best_predictions])
        if real[key] - distances.mean() > 2 * distances.std() / math.sqrt(len(distances)):
            nearer.append(model.name)
    if not nearer:
        return (
            "There is no sign of it: the images of no model lie closer to the training images, on "
            "average and by more than two standard errors, than unseen digits do "
            f"({fixed(real[key], key)})."
        )
    return (
        f"On average and by more than two standard errors, the images of {names(nearer)} lie "
        f"closer to the training images than unseen digits do ({fixed(real[key], key)}): they are "
        "memorised, or simpler than real digits; the gallery shows the nearest pairs."
    )

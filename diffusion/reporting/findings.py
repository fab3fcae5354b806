"""Sentences that state a finding, each computed from the results it speaks of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from diffusion.reporting.results import ModelResults

Scores = dict[str, float]

KINDS = {
    "gaussian": "Gaussian",
    "impulse": "impulse",
    "blur": "blur",
    "pixelation": "pixelation",
    "fading": "fading",
}
RANKED = (("fid", "FID", 1), ("is", "IS", -1))  # key, name, sign of what is better


def number(value: float | None, digits: int = 3) -> str:
    """`digits` significant digits; a dash where there is no number."""
    if value is None or value != value:
        return "–"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def duration(seconds: float) -> str:
    """In the unit that suits: seconds, minutes or hours."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{number(seconds / size, 2)} {unit}"
    return f"{number(seconds, 2)} s"


def bounds(scores: Scores, key: str) -> tuple[float, float]:
    """The 95 % interval of a score."""
    return scores[key] - scores[f"{key}_below"], scores[key] + scores[f"{key}_above"]


def interval(scores: Scores, key: str) -> str:
    """A score with its 95 % interval."""
    low, high = bounds(scores, key)
    return f"{number(scores[key])} [{number(low)}, {number(high)}]"


def overlap(a: Scores, b: Scores, key: str) -> bool:
    (low_a, high_a), (low_b, high_b) = bounds(a, key), bounds(b, key)
    return low_a <= high_b and low_b <= high_a


def names(found: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def group_of(model: ModelResults) -> str:
    """The models that one ranks beside: of one degradation, from images or from noise alone."""
    from_noise = " from noise alone" * (model.generates and model.kind != "gaussian")
    return f"{KINDS[model.kind]} model{from_noise}"


def ranking(models: list[ModelResults], key: str, name: str, sign: int) -> str:
    """Who is best by one score, and whether the images that were drawn can show it."""
    best, *others = sorted(models, key=lambda m: sign * m.main[key])
    tied = [m.name for m in others if overlap(best.main, m.main, key)]
    second = others[0]
    sentence = (
        f"By {name}, {best.name} ({interval(best.main, key)}) is the best {group_of(best)}, "
        f"ahead of {second.name} ({interval(second.main, key)}) by "
        f"{number(abs(best.main[key] - second.main[key]))}"
    )
    if tied:
        return f"{sentence}; its interval overlaps that of {names(tied)}, so no lead is shown."
    return f"{sentence}; the intervals do not overlap."


def published_order(models: list[ModelResults], published: dict[str, Any]) -> str | None:
    """Whether two models of one kind stand in the published order, by FID at the best epoch."""
    known = {
        m.name: published[m.name]["fid"][published[m.name]["best_epoch"]]
        for m in models
        if "fid" in published.get(m.name, {})
    }
    if len(known) < 2:
        return None
    ours = sorted(known, key=lambda n: next(m.main["fid"] for m in models if m.name == n))
    theirs = sorted(known, key=lambda n: known[n])
    values = names([f"{number(known[n], 4)} for {n}" for n in theirs])
    same = "the same order" if ours == theirs else "another order"
    return f"The published FIDs put them in {same} ({values}); their size is not comparable."


def distance_from_real(best: ModelResults, floor: Scores) -> str:
    ratio = best.main["fid"] / floor["fid"]
    if overlap(best.main, floor, "fid"):
        return (
            f"The FID of {best.name} cannot be told from that of real images "
            f"({interval(floor, 'fid')})."
        )
    return (
        f"The FID of {best.name} is {number(ratio, 2)} times that of real images at the same N "
        f"({interval(floor, 'fid')})."
    )


def over_training(model: ModelResults) -> str | None:
    """What training did to FID between the first and the last scored checkpoint."""
    first, last = model.checkpoints[0], model.checkpoints[-1]
    if first is last:
        return None
    a, b = first["sets"][first["main"]], last["sets"][last["main"]]
    if overlap(a, b, "fid"):
        verb = "does not change beyond its intervals"
    else:
        verb = "falls" if b["fid"] < a["fid"] else "rises"
    return (
        f"From epoch {first['epoch']} to {last['epoch']} the FID of {model.name} {verb} "
        f"({interval(a, 'fid')} to {interval(b, 'fid')})."
    )


def commonest(model: ModelResults, sampler: str) -> tuple[str, float]:
    """The digit that most images of the best checkpoint are taken for, and their share."""
    digits = [
        row["digit"]
        for row in model.predictions
        if row["epoch"] == str(model.best["epoch"]) and row["set"] == sampler
    ]
    digit, count = Counter(digits).most_common(1)[0]
    return digit, count / len(digits)


def collapse(model: ModelResults, sampler: str) -> str:
    """How much of what a sampler makes is one digit."""
    digit, share = commonest(model, sampler)
    return (
        f"Of the {sampler} sampler's images at the best checkpoint the classifier takes "
        f"{100 * share:.0f} % for {digit}."
    )


def samplers_compared(model: ModelResults) -> str:
    """The collapse of figure 9: the naive sampler beside the improved one."""
    sets = model.best["sets"]
    naive, improved = sets["naive"], sets["improved"]
    parts = []
    for sampler in ("naive", "improved"):
        digit, share = commonest(model, sampler)
        parts.append(f"{100 * share:.0f} % of the {sampler} ones for {digit}")
    better = "improves" if improved["fid"] < naive["fid"] else "worsens"
    shown = ", within overlapping intervals" if overlap(naive, improved, "fid") else ""
    sentence = (
        f"Of {model.name}'s images the classifier takes {parts[0]} and {parts[1]}; "
        f"the improved sampler {better} FID from {interval(naive, 'fid')} to "
        f"{interval(improved, 'fid')}{shown}"
    )
    if "psnr" in naive:
        sentence += f" and takes PSNR from {number(naive['psnr'])} to {number(improved['psnr'])} dB"
    return sentence + "."


def sampled_or_direct(model: ModelResults) -> str:
    """The improved sampler beside one step, and what differs from Bansal et al., tables 1 to 3,
    by which sampling lowers FID and costs SSIM and RMSE."""
    direct, sampled = model.best["sets"]["one_step"], model.best["sets"]["improved"]
    unlike = {
        "FID is not shown to fall": sampled["fid"] >= direct["fid"]
        or overlap(direct, sampled, "fid"),
        "SSIM does not fall": sampled["ssim"] >= direct["ssim"],
        "RMSE does not rise": sampled["rmse"] <= direct["rmse"],
    }
    differing = [words for words, holds in unlike.items() if holds]
    verdict = f"unlike theirs, {names(differing)}" if differing else "as with theirs"
    return (
        f"{model.name}, from one step to the improved sampler: FID {interval(direct, 'fid')} to "
        f"{interval(sampled, 'fid')}, SSIM {number(direct['ssim'])} to {number(sampled['ssim'])}, "
        f"RMSE {number(direct['rmse'])} to {number(sampled['rmse'])}; {verdict}."
    )


def memorisation(models: list[ModelResults], floor: Scores) -> str:
    key = "nearest_training_distance"
    nearer = [m.name for m in models if m.main[key] < floor[key]]
    real = f"than held-out images do ({number(floor[key])} on average)"
    if not nearer:
        return f"No model's images lie nearer to the training images {real}."
    return (
        f"The images of {names(nearer)} lie nearer to the training images {real}: memorised ones, "
        "or plainer ones than real digits; the nearest pairs are shown below."
    )


def spent(compute: dict[str, float], name: str, other: str) -> str:
    """The multiply-adds of one model's training as a share of another's."""
    return f"{number(100 * compute[name] / compute[other])} %"


def beyond(
    models: list[ModelResults], floor: Scores, compute: dict[str, float], published: dict[str, Any]
) -> Iterator[str]:
    """What models beyond the published ones reach, beside the best published one that generates,
    and how a network that says one image does where one that says probabilities draws it.

    compute: multiply-adds of training until the best checkpoint, by model.
    """
    able = [m for m in models if m.generates]
    known = [m for m in able if m.name in published]
    for model in (m for m in able if m.name not in published):
        sentence = (
            f"{model.name} has an FID of {interval(model.main, 'fid')}, "
            f"{number(model.main['fid'] / floor['fid'], 2)} times that of real images, "
            f"and an IS of {interval(model.main, 'is')}"
        )
        if known:
            best = min(known, key=lambda m: m.main["fid"])
            sentence += (
                f", after {spent(compute, model.name, best.name)} of the training multiply-adds "
                f"of {best.name} ({interval(best.main, 'fid')} and {interval(best.main, 'is')})"
            )
        yield sentence + "."
    drawn = [m for m in able if m.prediction == "categorical"]
    means = [m for m in able if m.kind == "impulse" and m.prediction == "x_0"]
    for model in means:
        for other in drawn:
            yield (
                f"From the same salt and pepper {model.name}, whose network says the mean image, "
                f"ends at an FID of {interval(model.main, 'fid')}, and {other.name}, which "
                f"draws from what its network holds possible, at {interval(other.main, 'fid')}. "
                f"{collapse(model, model.best['main'])}"
            )


def findings(models: list[ModelResults], floor: Scores, published: dict[str, Any]) -> Iterator[str]:
    """What the results say. published: by model, as in report/published/scores.yaml."""
    groups: dict[str, list[ModelResults]] = {}
    for kind in KINDS:
        for model in models:
            if model.kind == kind:
                groups.setdefault(group_of(model), []).append(model)
    for group in groups.values():
        if len(group) > 1:
            for key, name, sign in RANKED:
                yield ranking(group, key, name, sign)
            order = published_order(group, published)
            if order:
                yield order
        yield distance_from_real(min(group, key=lambda m: m.main["fid"]), floor)
        for model in group:
            change = over_training(model)
            if change:
                yield change
            if model.restores:
                yield samplers_compared(model)
    yield memorisation(models, floor)

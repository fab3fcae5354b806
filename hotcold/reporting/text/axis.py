"""Sentences on the axis between cold and hot: how scores depend on the noise of a process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hotcold.reporting.reading.formatting import differs, fixed, interval, names
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text.trainings import spreads


def between_cold_and_hot(
    rows: Sequence[Row], models: Sequence[ModelResults] = (), trained_again: Sequence[Row] = ()
) -> Iterator[str]:
    """For each model, FID without noise, with the best size and with the largest one, and what the
    intervals and further trainings say of them; precision and recall at the same sizes.

    rows: one training of each size, by increasing size. models, trained_again: see `spreads`.
    """
    sizes = {each.name: getattr(each.design.degradation, "noise", None) for each in models}
    found = {each.model: each for each in spreads(models, trained_again) if each.score.key == "fid"}
    for model in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == model]
        best = min(own, key=lambda row: row["fid"])
        shown = [row for row in own if row in (own[0], best, own[-1])]
        fids = names([f"{interval(row, 'fid')} at δ = {row['noise']}" for row in shown])
        yield f"The FID of {model} is {fids}."
        less = [row for row in own if float(row["noise"]) < float(best["noise"])]
        more = [row for row in own if float(row["noise"]) > float(best["noise"])]
        again = found.get(model)
        margin, mean = (again.margin, again.mean) if again else (0.0, 0.0)
        tied = [
            row["noise"]
            for row in own
            if row is not best
            and (not differs(row, best, "fid") or abs(row["fid"] - mean) < margin)
        ]
        if again:
            yield (
                f"With δ = {sizes[model]:g}, {len(again.values)} seeds give {model} FIDs of "
                f"{names(again.listed)}, on average {fixed(mean, 'fid')}. If scores are "
                "normal and vary as much at every δ, one further training is within "
                f"{fixed(margin, 'fid')} of this average with a probability of 95 %, so a "
                "smaller difference is not taken as an effect of δ."
            )
        if tied:
            yield (
                f"The best size of these, δ = {best['noise']}, is indistinguishable from "
                f"{names([f'δ = {noise}' for noise in tied])}."
            )
        if not more:
            yield f"No size beyond δ = {best['noise']} was trained."
        worse = [side[end]["noise"] not in tied for side, end in ((less, 0), (more, -1)) if side]
        if len(worse) == 2 and all(worse):
            yield f"The FID of {model} is lowest inside the axis, and rises towards both ends."
        for key in ("precision", "recall"):
            values = names([f"{fixed(row[key], key)} at δ = {row['noise']}" for row in shown])
            yield f"The {key} of {model} is {values}."

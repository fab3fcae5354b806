"""Sentences on the axis between cold and hot: how scores depend on the noise of a process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hotcold.reporting.reading.formatting import counted, differs, fixed, interval
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text.trainings import spreads


def between_cold_and_hot(
    rows: Sequence[Row], models: Sequence[ModelResults] = (), trained_again: Sequence[Row] = ()
) -> Iterator[str]:
    """For each model, the scores with the smallest size of noise and with that of the lowest FID;
    which sizes are not told apart; and whether the smallest or the largest one is worse.

    rows: one training of each size, by increasing size. models, trained_again: see `spreads`.
    """
    sizes = {each.name: getattr(each.design.degradation, "noise", None) for each in models}
    found = {each.model: each for each in spreads(models, trained_again) if each.score.key == "fid"}
    for model in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == model]
        if len(own) < 2:
            continue
        best = min(own, key=lambda row: row["fid"])
        again = found.get(model)
        margin, mean = (again.margin, again.mean) if again else (0.0, 0.0)
        tied = [
            row
            for row in own
            if row is best or not differs(row, best, "fid") or abs(row["fid"] - mean) < margin
        ]
        yield (
            f"The lowest FID of {model} is {interval(best, 'fid')}, at δ = {best['noise']}, where "
            f"recall is {fixed(best['recall'], 'recall')}."
        )
        if again:
            low, high = (fixed(end, "fid") for end in (min(again.values), max(again.values)))
            yield (
                f"{counted(len(again.values), 'training')} of {model} at δ = {sizes[model]:g} "
                f"range from {low} to {high}."
            )
        if len(tied) > 1:
            between = f"from {tied[0]['noise']} to {tied[-1]['noise']}"
            apart = [
                r["noise"] for r in own[own.index(tied[0]) : own.index(tied[-1])] if r not in tied
            ]
            but = f" but {' and '.join(apart)}" if apart else ""
            yield f"No δ {between}{but} is told apart from the best one."
        for end, which in ((own[0], "smallest"), (own[-1], "largest")):
            if end not in tied:
                yield (
                    f"With the {which} δ, {end['noise']}, FID is {interval(end, 'fid')} and recall "
                    f"{fixed(end['recall'], 'recall')}, in one training"
                    + (": this blur model needs noise." if float(end["noise"]) == 0 else ".")
                )

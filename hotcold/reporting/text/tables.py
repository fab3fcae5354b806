"""The tables of the report, as rows of cells or as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from hotcold.reporting.reading.formatting import fixed, interval
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.published import Published, published_fids
from hotcold.reporting.reading.results import ModelResults, Scores, main_scores
from hotcold.scores import Place, Score, find, shown

Rows = list[list[str]]
NONE = "–"
NUMBER = re.compile(r"[−-]?\d[\d.]*( (±|\[).*)?")
METHODS = {  # set of images -> how it is made
    "degraded": "degraded input",
    "median_filter": "3×3 median filter",
    "one_step": "one step",
    "naive": "naive sampler",
    "improved": "improved, true noise",
    "inferred": "improved, inferred noise",
}


def markdown_table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """A table whose columns of numbers are aligned to the right, without the rows and the columns
    that have no value. Raises ValueError if a row has not the length of the head."""
    if wrong := [row for row in rows if len(row) != len(head)]:
        raise ValueError(f"the row {wrong[0]} has not the length of the head {head}")
    rows = [row for row in rows if any(cell != NONE for cell in row[1:])]
    columns = list(zip(head, *rows, strict=True))
    columns = [c for i, c in enumerate(columns) if i == 0 or any(cell != NONE for cell in c[1:])]
    marks = []
    for i, (_, *column) in enumerate(columns):
        values = [cell for cell in column if cell != NONE]
        numeric = i > 0 and values and all(NUMBER.fullmatch(value) for value in values)
        marks.append("---:" if numeric else "---")
    first, *others = zip(*columns, strict=True)
    lines = [first, marks, *others]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def of_scores(
    place: Place, named: Iterable[tuple[Sequence[str], Scores]], head: Sequence[str] = ("",)
) -> str:
    """A table with a column for each score that a place shows. named: the first cells of each row,
    and the scores of the row; head: of the first cells."""
    columns = shown(place)
    rows = [[*first, *(cell(scores, score) for score in columns)] for first, scores in named]
    return markdown_table(rows, [*head, *(score.heading for score in columns)])


def cell(scores: Scores, score: Score) -> str:
    """A score with its spread, as far as they are known."""
    key = score.key
    if not all(column in scores for column in score.columns):
        return fixed(scores.get(key), key)
    if score.spread == "interval":
        return interval(scores, key)
    return plus_minus(scores, key) if score.spread == "std" else fixed(scores[key], key)


def plus_minus(scores: Scores, key: str) -> str:
    """A score with its standard deviation."""
    return f"{fixed(scores[key], key)} ± {fixed(scores[f'{key}_std'], key)}"


def with_real(models: Sequence[ModelResults], real: Scores) -> list[tuple[Sequence[str], Scores]]:
    """The name and the scores of real images and of each model."""
    return [(["real"], real), *(([m.name], m.scores) for m in models)]


def score_table(models: Sequence[ModelResults], real: Scores) -> str:
    """The main scores of the best checkpoints, with their epochs."""
    named: list[tuple[Sequence[str], Scores]] = [(["real", NONE], real)]
    named += [([m.name, str(m.best["epoch"])], m.scores) for m in models]
    return of_scores("scores", named, ("", "epoch"))


def inception_table(models: Sequence[ModelResults], real: Scores, published: Published) -> str:
    """IS, IS by the published definition, and the published value."""
    here, definition = find("is"), find("is_published_definition")
    rows = []
    for (name,), scores in with_real(models, real):
        known = published["models"].get(name, {}).get("inception_score")
        there = f"{known[0]:.3f} ± {known[1]:.3f}" if known else NONE
        rows.append([name, *(plus_minus(scores, s.key) for s in (here, definition)), there])
    return markdown_table(rows, ["", here.heading, definition.heading, "published"])


def fid_table(models: Sequence[ModelResults], real: Scores, published: Published) -> str:
    """FID of every scored checkpoint: classifier, validation, Inception, and the published one."""
    others = [find("validation_fid"), find("inception_fid")]
    rows = [["real", NONE, NONE, *checkpoint_fids(real, others), NONE]]
    for model in models:
        for checkpoint in model.checkpoints:
            known = published_fids(published, model.name, checkpoint["roles"])
            there = ", ".join(f"{fid} (epoch {epoch})" for epoch, fid in known) or NONE
            roles = ", ".join(checkpoint["roles"])
            values = checkpoint_fids(main_scores(checkpoint), others)
            rows.append([model.name, str(checkpoint["epoch"]), roles, *values, there])
    heads = ["FID, classifier ↓", *(score.heading for score in others)]
    return markdown_table(rows, ["", "epoch", "checkpoint", *heads, "published"])


def checkpoint_fids(scores: Scores, others: Sequence[Score]) -> list[str]:
    """FID against test images, and others."""
    return [interval(scores, "fid"), *(cell(scores, score) for score in others)]


def restoration_table(models: Sequence[ModelResults]) -> str:
    """The scores of what each method makes of the same degraded images."""
    named = [
        ([model.name, label], model.best["sets"][key])
        for model in models
        for key, label in METHODS.items()
        if key in model.best["sets"]
    ]
    return of_scores("restoration", named, ("", "method"))


def axis_table(rows: Sequence[Row]) -> str:
    """The scores by the size of the noise, of the axis between cold and hot."""
    named = [([row["model"], row["noise"], row["seed"]], row) for row in rows]
    return of_scores("measured", named, ("", "δ", "seed"))


def runs_table(
    models: Sequence[ModelResults],
    rows: Sequence[Row],
    varied: str,
    heading: str,
    own: Mapping[str, int],
) -> str:
    """The scores of runs that differ in the setting `varied`. own: its value of each model, for the
    run that all other tables show; a dash if there is none."""
    scores = [find(key) for key in ("fid", "is", "pixel_fd", "random_fd")]
    found = []
    for model in models:
        again = [row for row in rows if row["model"] == model.name]
        for run in [{varied: own.get(model.name, NONE)} | model.scores, *again] if again else []:
            asked = run.get("label_accuracy") or None
            values = [cell(run, score) for score in scores]
            first = [model.name, str(run[varied]), str(model.evaluations)]
            found.append([*first, *values, NONE if asked is None else f"{100 * asked:.1f}"])
    heads = ["", heading, "evaluations", *(score.heading for score in scores), "digits as asked, %"]
    return markdown_table(found, heads)

"""The rows of the tables of the report, and tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hotcold.reporting.reading.formatting import fixed, interval
from hotcold.reporting.reading.measured import Row
from hotcold.reporting.reading.published import Published, published_fids
from hotcold.reporting.reading.results import ModelResults, Scores, main_scores
from hotcold.reporting.text.claims import Claim

Rows = list[list[str]]
NONE = "–"
NUMBER = re.compile(r"[−-]?\d[\d.]*( (±|\[).*)?")
SPREAD = ("precision", "recall", "density", "coverage")
APPEARANCE = ("zeros", "components", "class_distance", "nearest_training_distance")
METHODS = {  # set of images -> how it is made
    "degraded": "degraded input",
    "median_filter": "3×3 median filter",
    "one_step": "one step",
    "naive": "naive sampler",
    "improved": "improved sampler",
}


def markdown_table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """A table whose columns of numbers are aligned to the right, without the rows and the columns
    that have no value."""
    rows = [row for row in rows if any(cell != NONE for cell in row[1:])]
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] != NONE for row in rows)]
    head, rows = [head[i] for i in kept], [[row[i] for i in kept] for row in rows]
    marks = []
    for i, column in enumerate(zip(*rows, strict=True)):
        values = [cell for cell in column if cell != NONE]
        numeric = i > 0 and values and all(NUMBER.fullmatch(value) for value in values)
        marks.append("---:" if numeric else "---")
    lines = [head, marks, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def claim_rows(claims: Sequence[Claim]) -> Rows:
    """Claim, verdict, here, published, source."""
    return [[c.text, f"**{c.verdict}**", c.here, c.published, c.source] for c in claims]


def score_rows(models: Sequence[ModelResults], real: Scores) -> Rows:
    """Epoch, validation loss, IS, FID, FID at infinite N and KID of the best checkpoints."""
    return [["real", NONE, NONE, *distances(real)]] + [
        [
            m.name,
            str(m.best["epoch"]),
            fixed(min(row["validation_loss"] for row in m.history), "validation_loss"),
            *distances(m.scores),
        ]
        for m in models
    ]


def distances(scores: Scores) -> list[str]:
    """IS, FID, FID at infinite N and KID."""
    return [
        interval(scores, "is"),
        interval(scores, "fid"),
        fixed(scores["fid_infinite"], "fid"),
        interval(scores, "kid"),
    ]


def quality_rows(models: Sequence[ModelResults], real: Scores) -> Rows:
    """Precision, recall, density and coverage."""
    named = [("real", real), *((m.name, m.scores) for m in models)]
    return [[name, *(plus_minus(scores, key) for key in SPREAD)] for name, scores in named]


def appearance_rows(models: Sequence[ModelResults], real: Scores) -> Rows:
    """What the features of the classifier hardly see, the classes, and the nearest neighbours."""
    named = [("real", real), *((m.name, m.scores) for m in models)]
    return [[name, *(fixed(scores[key], key) for key in APPEARANCE)] for name, scores in named]


def plus_minus(scores: Scores, key: str) -> str:
    """A score with its standard deviation."""
    return f"{fixed(scores[key], key)} ± {fixed(scores[f'{key}_std'], key)}"


def inception_rows(models: Sequence[ModelResults], real: Scores, published: Published) -> Rows:
    """IS, IS by the published definition, and the published value."""
    rows = []
    for name, scores in [("real", real), *((m.name, m.scores) for m in models)]:
        known = published["models"].get(name, {}).get("inception_score")
        keys = ("is", "is_published_definition")
        there = f"{known[0]:.3f} ± {known[1]:.3f}" if known else NONE
        definition = (
            f"{fixed(scores[keys[1]], keys[1])} ± {fixed(scores[f'{keys[1]}_std'], keys[1])}"
        )
        rows.append([name, plus_minus(scores, "is"), definition, there])
    return rows


def fid_rows(models: Sequence[ModelResults], real: Scores, published: Published) -> Rows:
    """FID of every scored checkpoint: classifier, validation, Inception, and the published one."""
    rows = [["real", NONE, NONE, *checkpoint_fids(real), NONE]]
    for model in models:
        for checkpoint in model.checkpoints:
            known = published_fids(published, model.name, checkpoint["roles"])
            there = ", ".join(f"{fid} (epoch {epoch})" for epoch, fid in known) or NONE
            roles = ", ".join(checkpoint["roles"])
            values = checkpoint_fids(main_scores(checkpoint))
            rows.append([model.name, str(checkpoint["epoch"]), roles, *values, there])
    return rows


def checkpoint_fids(scores: Scores) -> list[str]:
    """FID against test images, against validation images, and in Inception features."""
    others = (fixed(scores.get(key), "fid") for key in ("validation_fid", "inception_fid"))
    return [interval(scores, "fid"), *others]


def restoration_rows(models: Sequence[ModelResults]) -> Rows:
    """Fidelity, IS and FID of what each method makes of the same degraded images."""
    return [
        [
            model.name,
            label,
            *(
                fixed(model.best["sets"][key].get(score), score)
                for score in ("psnr", "ssim", "rmse")
            ),
            *interval_or_none(model.best["sets"][key]),
        ]
        for model in models
        for key, label in METHODS.items()
        if key in model.best["sets"]
    ]


def interval_or_none(scores: Scores) -> Iterator[str]:
    """IS and FID with their intervals as far as a set has them."""
    for key in ("is", "fid"):
        has = f"{key}_below" in scores
        yield interval(scores, key) if has else fixed(scores.get(key), key)


def likelihood_rows(models: Sequence[ModelResults]) -> Rows:
    """Bits per pixel of each categorical model, and of simple codes of the same images."""
    rows = []
    for model in models:
        known: dict[str, Any] = model.likelihood
        bits = f"{fixed(known['bits'], 'bits')} ± {fixed(known['standard_error'], 'bits')}"
        codes = [fixed(known[key], "bits") for key in ("independent_pixels", "lzma")]
        rows.append([model.name, str(known["images"]), str(known["levels"]), bits, *codes])
    return rows


def axis_rows(rows: Sequence[Row]) -> Rows:
    """Model, size of the noise, FID, IS, precision and recall of the axis between cold and hot."""
    return [
        [
            row["model"],
            row["noise"],
            *(interval(row, key) for key in ("fid", "is")),
            *(plus_minus(row, key) for key in ("precision", "recall")),
        ]
        for row in rows
    ]

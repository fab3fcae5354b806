"""The catalogue of scores: one line adds a score wherever it is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_findings import model

from hotcold import scores
from hotcold.metrics.scorer import headline
from hotcold.reporting.text import findings, summary, tables
from hotcold.scores import SCORES, Score, find, shown

SHARPNESS = Score(
    "sharpness",
    "sharpness",
    better=1,
    decimals=1,
    spread="interval",
    shown=("metrics", "summary", "ranking", "scores", "quality"),
)


def with_sharpness(name: str, fid: float, sharpness: float) -> findings.ModelResults:
    found = model(name, fid)
    found.history.append({"epoch": 9.0, "validation_loss": 0.1})
    ends = {f"{key}_{side}": 0.1 for key in ("sharpness", "kid") for side in ("below", "above")}
    found.scores.update({"kid": 0.1, "sharpness": sharpness} | ends)
    return found


def test_one_line_adds_a_score_to_metrics_and_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "SCORES", (*SCORES, SHARPNESS))
    dull, sharp = with_sharpness("dull", 10.0, 1.0), with_sharpness("sharp", 20.0, 7.5)
    real = sharp.scores
    assert list(headline(sharp.scores).items())[-1] == ("sharpness", 7.5)
    entries = summary.scores([dull, sharp], real, 0.99)
    assert [entries[name]["sharpness"] for name in ("dull", "sharp", "real")] == [1.0, 7.5, 7.5]
    head, marks, *rows = tables.score_table([dull, sharp], real).splitlines()
    assert head.endswith("| KID ↓ | sharpness ↑ |")
    assert marks.endswith("| ---: |")
    assert [row.split(" | ")[-1] for row in rows] == [
        "7.5 [7.4, 7.6] |",
        "1.0 [0.9, 1.1] |",
        "7.5 [7.4, 7.6] |",
    ]


def test_a_row_of_another_length_than_the_head_is_an_error() -> None:
    for row in (["a", "1", "2"], ["a"]):
        with pytest.raises(ValueError, match="not the length of the head"):
            tables.markdown_table([["b", "1"], row, ["c", "–"]], ["", "IS"])


def test_every_score_has_one_line_and_what_a_place_shows_first_is_shown_there() -> None:
    assert len({score.key for score in SCORES}) == len(SCORES)
    for place, first in scores.FIRST.items():
        assert tuple(score.key for score in shown(place))[: len(first)] == first


def test_a_cell_has_the_spread_as_far_as_it_is_known() -> None:
    known = {"fid": 2.0, "fid_below": 0.5, "fid_above": 0.25, "recall": 0.5, "recall_std": 0.1}
    fid, recall = find("fid"), find("recall")
    assert tables.cell(known, fid) == "2.00 [1.50, 2.25]"
    assert tables.cell({"fid": 2.0}, fid) == "2.00"
    assert tables.cell(known, recall) == "0.500 ± 0.100"
    assert tables.cell(known, replace(recall, spread=None)) == "0.500"
    assert tables.cell({}, fid) == "–"

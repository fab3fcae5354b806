"""Numbers of figures and tables, references between them, and citations."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

from hotcold.reporting.text.labels import ARTICLE, BIBLIOGRAPHY, SUPPLEMENT, Labels
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError


@pytest.fixture
def labels() -> Labels:
    return Labels(ROOT / BIBLIOGRAPHY)


def test_published_numbers_are_kept_and_others_are_counted_in_each_document(labels: Labels) -> None:
    labels.open(SUPPLEMENT)
    assert labels.place("figure", ["loss"], "2") == "2"
    assert labels.place("figure", ["kid"]) == "S1"
    assert labels.place("table", ["scores"]) == "S1"
    assert labels.place("figure", ["steps"]) == "S2"
    labels.open(ARTICLE)
    assert labels.place("figure", ["loss"]) == "A"
    assert labels.place("figure", ["kid"]) == "B"
    assert labels.has("figure", "kid")
    assert not labels.has("figure", "steps")


def test_the_second_rendering_refers_to_what_comes_later_or_is_elsewhere(labels: Labels) -> None:
    for _ in range(2):
        labels.start()
        labels.open(ARTICLE)
        first = [labels.ref("figure", key) for key in ("loss", "loss_again")]
        first.append(labels.ref("figure", "loss", SUPPLEMENT))
        labels.place("figure", ["loss"])
        labels.open(SUPPLEMENT)
        shown = [labels.in_article(k) for k in (["loss"], ["loss", "loss_again"], ["other"])]
        labels.place("figure", ["loss", "loss_again"], "2")
        assert labels.to(SUPPLEMENT) == ""
    there = "[figure 2](supplement.md#figure-2)"
    assert first == ["[figure A](#figure-a)", there, there]
    assert shown == ["[figure A](report.md#figure-a)", "", ""]
    with pytest.raises(KeyError, match="figure other"):
        labels.ref("figure", "other")


def test_nothing_is_placed_twice(labels: Labels) -> None:
    labels.open(SUPPLEMENT)
    labels.place("figure", ["loss"], "2")
    for key, number in (("loss", ""), ("other", "2")):
        with pytest.raises(ValueError, match="placed twice"):
            labels.place("figure", [key], number)


def test_works_are_cited_by_authors_and_year(labels: Labels) -> None:
    two = "[Ho et al. 2020](#ho2020); [Nichol and Dhariwal 2021](#nichol2021)"
    assert labels.cite("ho2020", "nichol2021") == two
    assert labels.cite("binkowski2018") == "[Bińkowski et al. 2018](#binkowski2018)"
    assert [key for key, _ in labels.references()] == ["binkowski2018", "ho2020", "nichol2021"]
    with pytest.raises(UserError, match=r"references\.bib .* nobody1900, which is cited"):
        labels.cite("nobody1900")


def test_every_entry_of_the_bibliography_is_cited_by_a_template(labels: Labels) -> None:
    """And every key that a template cites is an entry."""
    text = "".join(p.read_text() for p in (ROOT / paths.TEMPLATES).rglob("*.md.j2"))
    calls = re.findall(r"labels\.cite\((.*?)\)", text)
    cited = {key for call in calls for key in re.findall(r'"(\w+)"', call)}
    assert cited == set(labels.entries.entries)

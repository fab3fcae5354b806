"""The report as an HTML page."""

from __future__ import annotations

import html
import re
from pathlib import Path

import jinja2
import pytest
from conftest import ROOT

from hotcold.reporting.page import rendering
from hotcold.reporting.reading.sources import plain
from hotcold.reporting.text import templates
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError


def test_the_page_escapes_html_in_the_text_and_in_the_scores(tmp_path: Path) -> None:
    page = rendering.render(
        "# A <b>title</b>\n\n<script>alert(1)</script>\n",
        tmp_path,
        templates.environment(ROOT / paths.TEMPLATES).get_template("page.html.j2"),
        {},
        {},
        document="report",
        scores={"model</script>": 1},
    )
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert "model</script>" not in page


def test_a_missing_figure_or_table_is_an_error() -> None:
    with pytest.raises(UserError, match=r"c\.png is missing: run dvc repro"):
        rendered("# A\n\n![b](figures/c.png)\n")
    with pytest.raises(UserError, match=r"report/plots/fid\.csv is missing: run dvc repro"):
        rendered("# A\n\n:::: sources loss fid\n`dvc repro`\n::::\n")


def rendered(text: str) -> str:
    """The body of a page."""
    return rendering.render(text, Path(), jinja2.Template("{{ body }}"), {"loss": ""}, {})


def test_a_text_of_a_result_is_neither_markup_nor_mathematics() -> None:
    text = r"a|b $\text{</math><script>} \href{javascript:x}{y}$ [z](w) `v` **u** &lt; \| <b>"
    table = rendered(f"# A\n\n| c | d |\n|---|---|\n| {plain(text)} | 1 |\n")
    assert re.findall("<(?!/?t)[a-z]+", table.partition("<table>")[2]) == []
    assert html.unescape(re.findall("<th scope=.row.>(.*)</th>", table)[0]) == text
    assert plain({"a|": ["\x1b[31m", 1]}) == {"a\\|": ["\N{REPLACEMENT CHARACTER}\\[31m", 1]}


def test_an_equation_has_its_number_and_an_id() -> None:
    html = rendered("# A\n\n$$\nx_t = \\sqrt{2} \\tag{13}\n$$\n\nInline $y$.\n")
    assert '<div class="equation" id="equation-13"><math' in html
    assert '<a href="#equation-13">(13)</a>' in html
    assert "<msqrt>" in html
    assert "tag" not in html.partition("Inline")[0].replace("equation", "")
    assert html.count("<math") == 2


def test_a_line_does_not_break_between_a_formula_and_the_punctuation_after_it() -> None:
    html = rendered("# A\n\nWith $x$ and $y$, all.\n")
    (unbroken,) = re.findall(r'<span class="unbroken">(.*?</span>.)</span>', html)
    assert "<mi>y</mi>" in unbroken
    assert "<mi>x</mi>" not in unbroken
    assert unbroken.endswith(",")


def test_lines_do_not_break_before_a_unit_an_arrow_or_a_value() -> None:
    text = "95 % [94, 96] % of them at $t = 0$: FID ↓ with η = 1 ± 2"
    assert (
        templates.UNBROKEN.sub("_", text)
        == "95_% [94,_96]_% of them at $t = 0$: FID_↓ with η_=_1_±_2"
    )

"""The report as an HTML page."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from conftest import ROOT

from diffusion.reporting import page, templates
from diffusion.runtime import paths
from diffusion.runtime.errors import UserError


def test_the_page_escapes_html_in_the_text_and_in_the_scores(tmp_path: Path) -> None:
    html = page.render(
        "# A <b>title</b>\n\n<script>alert(1)</script>\n",
        tmp_path,
        templates.environment(ROOT / paths.TEMPLATES).get_template("page.html.j2"),
        {"model</script>": 1},
    )
    assert "&lt;script&gt;alert" in html
    assert "<script>alert" not in html
    assert "<b>" not in html
    assert "model</script>" not in html


def test_a_missing_figure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"c\.png is missing: run dvc repro"):
        page.render("# A\n\n![b](figures/c.png)\n", tmp_path, jinja2.Template("{{ body }}"), {})

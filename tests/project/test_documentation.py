"""README and docs/ have the numbers of the committed results, and links that lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from markdown_it import MarkdownIt
from markdown_it.token import Token

from hotcold.numerics.tables import read_csv, read_json
from hotcold.reporting.reading.formatting import fixed, number
from hotcold.reporting.reading.sources import MEASURED
from hotcold.runtime import paths
from hotcold.runtime.params import load
from hotcold.sampling.params import recorded

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCORES = read_json(ROOT / paths.SUMMARY)


# Numbers.


def test_the_table_of_the_readme_has_the_scores_of_the_report() -> None:
    lines = re.findall(r"^\| ((?:model\d+|real digits).*) \|$", README, flags=re.M)
    table = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert len(table) == 5
    for name, sampler, evaluations, fid, inception_score in table:
        model = name.partition(",")[0]
        if model == "real digits":
            scores, expected = SCORES["real"], ""
        else:
            block = load(ROOT / paths.PARAMS)["models"][model]
            expected = str(recorded(block["sampler"]).evaluations(block["degradation"]["T"]))
            key = sampler.partition(",")[0]
            scores = SCORES[model].get("restoration", {}).get(key) or SCORES[model]
        assert evaluations == expected
        assert [fid, inception_score] == [number(scores["fid"]), f"{scores['is']:.2f}"]


def test_the_scores_that_the_readme_prints_are_those_of_the_report() -> None:
    printed = re.findall(r"^\| ([a-z]+) \| ([\d.]+) .*? \| ([\d.]+) ", README, flags=re.M)
    assert [key for key, *_ in printed] == ["fid", "is", "kid", "precision", "recall"]
    for key, *values in printed:
        for name, value in zip(("model5", "real"), values, strict=True):
            assert value in {fixed(SCORES[name][key], key), number(SCORES[name][key])}


def scores() -> Iterator[float]:
    """The scores that the pages write about: of each model, of further trainings, and of the study
    of samplers."""
    keys = ("fid", "is", "recall", "fid_infinite", "components", "pixel_fd", "random_fd")
    keys += ("fid_balanced", "class_distance")
    for found in SCORES.values():
        yield from (found[key] for key in keys if key in found)
        yield from (each["fid"] for each in found.get("restoration", {}).values() if "fid" in each)
        if "likelihood" in found:
            yield found["likelihood"]["bits"]
    measured = [row for path in (ROOT / MEASURED).glob("*.csv") for row in read_csv(path)]
    yield from (float(row["fid"]) for row in measured)
    for name in ("steps", "guidance"):
        yield from (float(row["fid"]) for row in read_csv(ROOT / paths.PLOTS / f"{name}.csv"))


NO_SCORES = {  # versions, settings, published numbers, and results that are in no table
    "README.md": "3.10 3.13 0.6 1.9",
    "docs/models.md": "0.05 0.2 10.0 25.4 4.36 0.15 0.65 0.88 0.999 1.22 1.75 33.4 33.1 0.6 0.9 "
    "99.1 2.0 2.77 8.17 0.545 0.75 1.25 24.6 5.81 3.77 13.8 33.6 31.0 39.3 0.828 1.34 "
    "5.53 4.94 7.34 4.62 1.80 1.44 1.77",
    "docs/reproducibility.md": "14.94 0.34 4.073 4.080 2.96 5.20",
}


@pytest.mark.parametrize("page", NO_SCORES)
def test_decimal_numbers_in_the_text_are_scores_of_the_report(page: str) -> None:
    text = re.sub(r"```.*?```|^\|.*?$", "", (ROOT / page).read_text(), flags=re.DOTALL | re.M)
    found = set(re.findall(r"(?<![\w.-])\d+\.\d+(?![\w-]|\.\d)", text)) - set(
        NO_SCORES[page].split()
    )
    assert len(found) > 1
    assert found <= {form for x in scores() for form in (number(x), f"{x:.1f}", f"{x:.2f}")}


# Links.


def tokens(page: Path) -> Iterator[Token]:
    """All tokens of a page, with those inside paragraphs."""
    for token in MarkdownIt().parse(page.read_text()):
        yield token
        yield from token.children or ()


def anchors(page: Path) -> set[str]:
    """The anchors that code hosts give to the headings of a page."""
    found = list(tokens(page))
    titles = [found[k + 1].content for k, token in enumerate(found) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> Iterator[str]:
    for token in tokens(page):
        target: Any = token.attrGet("href") or token.attrGet("src")
        if target and not target.startswith(("https://", "../../actions/")):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_site_has_the_report_first_and_links_that_lead_to_files(tmp_path: Path) -> None:
    """What .github/workflows/pages.yml gives to Jekyll."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text())["jobs"]
    (script,) = [step["run"] for step in jobs["publish"]["steps"] if "pages" in step.get("run", "")]
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    for path in ("data/pretrained/weights", "report/report.html", "report/supplement.html"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    identity = "-c user.name=t -c user.email=t@example.org"
    commit = f"git init -q && git add -A && git {identity} commit -q -m start"
    subprocess.run(["bash", "-euc", f"{commit}\n{script}"], cwd=tmp_path, check=True)
    pages = tmp_path / "pages"
    for name, document in (("index", "report"), ("report", "report"), ("supplement",) * 2):
        assert (pages / f"{name}.html").read_text() == f"report/{document}.html"
    assert not (pages / "data").exists()
    for page in (pages / "about.md", *(pages / "docs").glob("*.md")):
        assert not re.search("{{|{%", page.read_text())  # Jekyll would replace it
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve().relative_to(pages)
            is_page = target.suffix == ".md" and target.parts[0] != "report"
            assert (pages / target).exists() or not is_page, target


def test_every_page_of_the_documentation_can_be_reached() -> None:
    for index in (ROOT / "README.md", ROOT / "docs/README.md"):
        reached = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
        assert reached >= set((ROOT / "docs").glob("*.md")) - {ROOT / "docs/README.md"}

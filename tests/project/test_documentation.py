"""README and docs/ have the numbers of the committed results, and links that lead somewhere."""

from __future__ import annotations

import csv
import json
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

from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_designs
from hotcold.reporting.reading.formatting import number
from hotcold.reporting.reading.measured import DRAWS, NOISE_AXIS, SEEDS
from hotcold.runtime import paths
from hotcold.runtime.params import load

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCORES = json.loads((ROOT / paths.SUMMARY).read_text())
SAMPLERS = ("naive", "improved")


# Numbers.


def compute() -> dict[str, float]:
    """The multiply-adds of training up to the best checkpoint of each model."""
    best = {name: found.get("best_epoch") for name, found in SCORES.items()}
    found = [row for row in rows(paths.COMPUTE) if best[row["model"]] == int(row["epoch"])]
    return {row["model"]: float(row["multiply_adds"]) for row in found}


def published(name: str) -> str:
    """The FID at the best epoch and the inception score, if they were published."""
    entry = load(ROOT / paths.PUBLISHED / "scores.yaml")["models"].get(name, {})
    if "fid" not in entry:
        return ""
    return f"{entry['fid'][entry['best_epoch']]}, {entry['inception_score'][0]}"


def cells(name: str, parameters: int) -> list[str]:
    """The cells of a model in the table of README, from its number of parameters on."""
    scores = SCORES[name]
    sets = [scores["restoration"][key] for key in SAMPLERS if "restoration" in scores] or [scores]
    return [
        f"{parameters:,}",
        f"{compute()[name] / 1e15:.2f}",
        " / ".join(number(each["fid"]) for each in sets),
        " / ".join(f"{each['is']:.2f}" for each in sets),
        published(name),
    ]


def test_the_table_of_the_readme_has_every_model_and_the_scores_of_the_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    real = SCORES["real"]
    expected = {"real digits": ["", "", number(real["fid"]), f"{real['is']:.2f}", ""]}
    for name, design in read_designs().items():
        module = DiffusionModel.build(design.block()).module
        expected[name] = cells(name, sum(p.numel() for p in module.parameters()))
    lines = [line for line in README.splitlines() if re.match(r"\| (model\d+|real digits) ", line)]
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert {row[0]: row[2:] for row in table} == expected
    assert [row[0] for row in table] == list(expected)


def test_change_that_the_readme_shows_is_one_of_the_committed_scores() -> None:
    shown = re.findall(r"model5\.json  model5\.(\w+) +(\S+)", README)
    assert [key for key, _ in shown] == ["fid", "is", "kid", "precision", "recall"]
    for key, value in shown:
        assert float(value) == pytest.approx(SCORES["model5"][key], abs=5e-6)


def rows(path: Path) -> list[dict[str, str]]:
    with (ROOT / path).open(newline="") as file:
        return list(csv.DictReader(file))


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
    measured = [row for table in (NOISE_AXIS, SEEDS, DRAWS) for row in rows(table.path)]
    yield from (float(row["fid"]) for row in measured)
    studied = [*rows(paths.PLOTS / "steps.csv"), *rows(paths.PLOTS / "guidance.csv")]
    yield from (float(row["fid"]) for row in studied)


NO_SCORES = {  # versions, settings, published numbers, and results that are in no table
    "README.md": "3.10 3.13 0.2 99.1",
    "docs/models.md": "0.01 0.02 0.05 0.2 0.25 0.495 10.0 25.4 4.36 0.999 0.023 32.3 "
    "30.8 0.6 0.9 99.1 2.0 2.77",
    "docs/reproducibility.md": "14.94 0.34 4.073 4.080 2.96 5.20",
}


@pytest.mark.parametrize("page", NO_SCORES)
def test_decimal_numbers_in_the_text_are_scores_of_the_report(page: str) -> None:
    text = re.sub(r"```.*?```|^\|.*?$", "", (ROOT / page).read_text(), flags=re.DOTALL | re.M)
    found = set(re.findall(r"(?<![\w.-])\d+\.\d+(?![\w.-])", text)) - set(NO_SCORES[page].split())
    assert len(found) > 3
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

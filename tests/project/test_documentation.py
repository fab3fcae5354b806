"""README and docs/ have the numbers of the committed results, links that lead somewhere, and true
badges."""

from __future__ import annotations

import csv
import json
import re
import shutil
import statistics
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
from hotcold.reporting.reading.formatting import names, number
from hotcold.reporting.reading.measured import NOISE_AXIS, SEEDS
from hotcold.reporting.text.trainings import Spread
from hotcold.runtime import paths
from hotcold.runtime.params import load

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCORES = json.loads((ROOT / paths.SUMMARY).read_text())
SAMPLERS = ("naive", "improved")


def words(text: str) -> str:
    """The text on one line, without emphasis."""
    return " ".join(text.replace("**", "").split())


# Numbers.


def compute() -> dict[str, float]:
    """The multiply-adds of training up to the best checkpoint of each model."""
    with (ROOT / paths.COMPUTE).open(newline="") as file:
        rows = {(row["model"], int(row["epoch"])): row for row in csv.DictReader(file)}
    best = {name: scores.get("best_epoch") for name, scores in SCORES.items()}
    return {m: float(row["multiply_adds"]) for (m, e), row in rows.items() if best[m] == e}


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
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert {row[0]: row[2:] for row in rows} == expected
    assert [row[0] for row in rows] == list(expected)


def fid(name: str) -> str:
    return number(SCORES[name]["fid"])


def noise_axis() -> tuple[str, dict[str, str]]:
    """The size of model10's noise, and the FID with each size that was trained."""
    with (ROOT / NOISE_AXIS.path).open(newline="") as file:
        fids = {row["noise"]: number(float(row["fid"])) for row in csv.DictReader(file)}
    size = f"{load(ROOT / paths.PARAMS)['models']['model10']['degradation']['noise']:g}"
    assert fids[size] == fid("model10")
    return size, fids


def seed_fids() -> dict[str, list[float]]:
    """The FIDs of each model that was trained from several seeds, that of params.yaml first."""
    with (ROOT / SEEDS.path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    fids = {row["model"]: [SCORES[row["model"]]["fid"]] for row in rows}
    for row in rows:
        fids[row["model"]].append(float(row["fid"]))
    return fids


def test_findings_of_the_readme_have_the_scores_of_the_report() -> None:
    naive, improved = (number(SCORES["model3"]["restoration"][key]["fid"]) for key in SAMPLERS)
    text, spent = words(README), compute()
    assert (
        f"the published sampler has an FID of {naive}, that of Bansal et al. {improved}; "
        f"real digits have {fid('real')}"
    ) in text
    assert f"model5 has an FID of {fid('model5')}, model2 one of {fid('model2')}" in text
    assert f"after {spent['model2'] / spent['model5']:.0f} times the multiply-adds" in text
    assert f"has an FID of {fid('model7')} with mean images (model7), and {fid('model6')}" in text
    bits = [number(SCORES[name]["likelihood"]["bits"]) for name in ("model8", "model6")]
    assert f"(model8) has {fid('model8')} instead of {fid('model6')}, and needs {bits[0]}" in text
    assert f"instead of {bits[1]} bits per pixel" in text
    size, fids = noise_axis()
    of_seeds = names([f"{value:.2f}" for value in seed_fids()["model10"]])
    assert (
        f"model10, which undoes blur, has an FID of {fids['0']} without noise, and {of_seeds} with "
        f"noise of standard deviation {size}, from three seeds"
    ) in text
    agrees = 100 * SCORES["model9"]["label_accuracy"]
    assert f"asked for in {agrees:.1f} % of 1000 images" in text
    assert f"at an FID of {fid('model9')}" in text


def test_change_that_the_readme_shows_is_one_of_the_committed_scores() -> None:
    shown = re.findall(r"model5\.json  model5\.(\w+) +(\S+)", README)
    assert [key for key, _ in shown] == ["fid", "is", "kid", "precision", "recall"]
    for key, value in shown:
        assert float(value) == pytest.approx(SCORES["model5"][key], abs=5e-6)


def test_page_of_the_models_has_the_scores_of_the_report() -> None:
    text = words((ROOT / "docs/models.md").read_text())
    bits = number(SCORES["model8"]["likelihood"]["bits"])
    with (ROOT / paths.PLOTS / "steps.csv").open(newline="") as file:
        studied = {
            (r["model"], r["steps"], r["eta"], r["churn"]): r["fid"] for r in csv.DictReader(file)
        }
    fewer = [number(float(studied[name, "100", "0.0", ""])) for name in ("model8", "model6")]
    churned = {  # the best churn of each, in 100 steps
        name: min(
            (float(value), float(churn))
            for (of, steps, _, churn), value in studied.items()
            if churn and (of, steps) == (name, "100")
        )
        for name in ("model8", "model6")
    }
    best = [f"{number(value)} ({churn:g} times)" for value, churn in churned.values()]
    both = {
        name: f"{fid(name)} and {number(SCORES[name]['is'])}"
        for name in ("model2", "model6", "model7", "model8", "model9")
    }
    size, fids = noise_axis()
    assert all(f"{fids[other]} with " in text for other in fids if other not in ("0", size))
    for phrase in (
        f"model5 has a classifier FID of {fid('model5')} and an IS of {SCORES['model5']['is']:.2f}",
        f"model6 {both['model6']}",
        f"{both['model2']} at the best of its 75, the {SCORES['model2']['best_epoch']}rd",
        f"model7 reaches {both['model7']}",
        f"model8 reaches {both['model8']}, and needs at most {bits} bits per pixel",
        f"With guidance 2, model9 reaches {both['model9']}",
        f"recall is {number(SCORES['model9']['recall'])}, that of model5",
        f"With δ = {size}, model10 reaches {fid('model10')} and {SCORES['model10']['is']:.2f}",
        f"Without noise it collapses: FID is {fids['0']}, and recall 0.023 instead of "
        f"{number(SCORES['model10']['recall'])}",
        f"in 100 steps without churn, against validation images, model8 has an FID of {fewer[0]}, "
        f"model6 {fewer[1]}; with the best churn of the study, {best[0]} and {best[1]}",
        f"An image of model8 has {SCORES['model8']['components']:.1f} connected parts",
        f"the FID of model5 is {number(SCORES['model5']['fid_infinite'])}",
        f"that of real digits {number(SCORES['real']['fid_infinite'], 2)}",
        f"{SCORES['model5']['zeros']:.0%}".replace("%", " %"),
        f"an image of model6 has {SCORES['model6']['components']:.1f} connected parts",
        f"model6 needs at most {number(SCORES['model6']['likelihood']['bits'])} bits per pixel",
    ):
        assert phrase in text


def test_docs_have_the_scores_of_every_seed() -> None:
    text = "".join(
        words((ROOT / f"docs/{name}.md").read_text()) for name in ("models", "reproducibility")
    )
    fids = seed_fids()
    for name, values in fids.items():
        assert f"{names([f'{value:.2f}' for value in values])} for {name}" in text
    assert "every training of model8 has a lower FID than every training of model6" in text
    assert max(fids["model8"]) < min(fids["model6"])
    assert min(fids["model5"]) == fids["model5"][0]
    assert "The published order by FID, model4, model2, model1, appears in every training" in text
    assert max(fids["model4"]) < min(fids["model2"])
    assert max(fids["model2"]) < min(fids["model1"])
    blurred = fids["model10"]
    assert min(blurred) == blurred[0]
    spread = Spread("model10", "fid", blurred, statistics.stdev(blurred), 0, 0, 0)
    assert (
        f"have a mean of {spread.mean:.2f}; judged by so few, a further one may differ from it by "
        f"up to {spread.margin:.0f} (95 %)"
    ) in text


def test_the_command_of_the_noise_axis_has_every_size() -> None:
    sizes = " ".join(noise_axis()[1])
    command = f"`python -m tools.vary model10 --noise {sizes}`"
    assert command in words((ROOT / "docs/configuration.md").read_text())
    assert f"SIZES ?= {sizes}\n" in (ROOT / "Makefile").read_text()


# Links, badges, citation.


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
    for path in ("data/pretrained/weights", "report/report.html"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(path)
    identity = "-c user.name=t -c user.email=t@example.org"
    commit = f"git init -q && git add -A && git {identity} commit -q -m start"
    subprocess.run(["bash", "-euc", f"{commit}\n{script}"], cwd=tmp_path, check=True)
    pages = tmp_path / "pages"
    assert (pages / "index.html").read_text() == "report/report.html"
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


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 160


def test_badges_and_citation_tell_what_the_project_file_tells() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    low, above = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', project)[0]
    badge = (ROOT / "docs/badges/python.svg").read_text()
    assert f"3.{low} – 3.{int(above) - 1}" in badge
    assert f"Python 3.{low} to 3.{int(above) - 1}" in README
    assert 'license = "MIT"' in project
    assert "MIT" in (ROOT / "docs/badges/licence.svg").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == "MIT"
    assert f'version = "{citation["version"]}"' in project
    (report,) = citation["references"]
    assert report["authors"][0]["family-names"] in README
    assert f"*{report['title']}*" in README
    assert str(report["year"]) in README
    assert (ROOT / ".github/workflows/ci.yml").exists()

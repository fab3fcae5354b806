"""The stages `figures` and `report`: complete for any models, and the page in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, prepare, run_stage
from PIL import Image

from diffusion.models.params import read_design
from diffusion.reporting import budget
from diffusion.reporting.results import read_model
from diffusion.runtime import paths
from diffusion.runtime.errors import UserError
from stages import (
    evaluate,
    evaluate_real,
    figures,
    likelihood,
    report,
    sample,
    step_study,
    train,
    train_classifier,
)
from tools.copy_project import copy_project

SALT = {"kind": "impulse", "rho": [0.0, 0.5], "T": 4}
COLD = {"kind": "cold", "start": "validation"}
RECIPE = {"learning_rate": 2.0e-3}


def unet(predicts: str) -> dict[str, Any]:
    return {"kind": "unet", "channels": [8, 8, 8], "predicts": predicts}


MODELS = TINY["models"] | {
    "model5": TINY["models"]["model2"] | {"training": RECIPE},
    "drawn": {
        "degradation": SALT | {"levels": 4},
        "network": unet("categorical"),
        "training": RECIPE,
        "sampler": {"kind": "categorical", "steps": 4},
    },
    "mean": {
        "degradation": SALT,
        "network": unet("x_0"),
        "training": RECIPE | {"ema": 0.9},
        "sampler": COLD,
    },
    "blurred": {
        "degradation": {"kind": "blur", "std": 2.0, "T": 3},
        "network": unet("x_0"),
        "training": RECIPE,
        "sampler": COLD,
    },
}
SCREEN = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}  # a phone
OVERRIDES = {"models": MODELS, "sampling.images": 12, "step_study.clips": [False, True]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results, figures and report of a Gaussian model, an impulse model and further models."""
    folder = tmp_path_factory.mktemp("report")
    prepare(folder)
    for stage in (train_classifier, evaluate_real):
        run_stage(folder, stage, **OVERRIDES)
    for name in MODELS:
        for stage in (train, sample, evaluate, step_study, likelihood):
            run_stage(folder, stage, name, **OVERRIDES)
    for stage in (figures, report):
        run_stage(folder, stage, **OVERRIDES)
    return folder


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report/report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report/report.html").read_text(encoding="utf-8")


def report_with(folder: Path, **overrides: Any) -> str:
    """The report of the same results with other parameters; the files of `folder` stay."""
    files = [folder / paths.PARAMS, *(p for p in (folder / "report").iterdir() if p.is_file())]
    contents = {path: path.read_bytes() for path in files if not path.is_symlink()}
    run_stage(folder, report, **(OVERRIDES | overrides))
    text = (folder / "report/report.md").read_text(encoding="utf-8")
    for path, content in contents.items():
        path.write_bytes(content)
    return text


@pytest.mark.parametrize("name", ["data/inception/README.txt", "report/figures", "report/media"])
def test_what_the_report_needs_is_named_if_it_is_missing(folder: Path, name: str) -> None:
    (folder / name).rename(folder / "away")
    before = (folder / "report/report.md").read_bytes()
    try:
        with pytest.raises(UserError, match=rf"^{name}.* is missing: run dvc repro$"):
            run_stage(folder, report, **OVERRIDES)
    finally:
        (folder / "away").rename(folder / name)
    assert (folder / "report/report.md").read_bytes() == before


# --- contents


def test_every_published_figure_and_table_has_its_number(text: str) -> None:
    labels = re.findall(r"^\*\*Figure (.+?)\.\*\*", text, flags=re.M)
    # Figures 4, 9 and 15 belong to models that this run does not have.
    numbered = {int(label.split(",")[0]) for label in labels}
    assert numbered >= set(range(1, 16)) - {4, 9}
    assert {"15, model2", "15, model4", "15, model5"} <= set(labels)
    later = [int(label) for label in labels if label.isdigit() and int(label) > 15]
    assert later == list(range(16, 16 + len(later)))
    assert re.findall(r"^\*\*Table (\d)\.\*\*", text, flags=re.M) == list("123456")


def test_the_report_shows_the_figures_that_exist_and_no_others(folder: Path, text: str) -> None:
    drawn = {p.name for p in (folder / "report/figures").iterdir()}
    assert set(re.findall(r"\]\((.+?)\)", text)) == {f"figures/{name}" for name in drawn}
    kinds = ("progress", "digits", "samples", "reverse", "confidence", "nearest")
    assert {f"{kind}_model5.png" for kind in kinds} <= drawn
    vectors = {p.stem for p in (folder / "report/media").glob("*.svg")}
    assert {"loss_gaussian", "loss_by_images", "loss_by_time", "fid_all", "kid", "steps"} <= vectors
    films = {p.name for p in (folder / "report/media").glob("*.png")}
    assert films == {f"film_{name}.png" for name in MODELS}


def test_the_markdown_says_where_the_animations_are(text: str) -> None:
    """A code host has no broken image: git does not hold the animations."""
    for name in MODELS:
        (sentence,) = re.findall(rf".*reverse process of {name} as an animation.*", text)
        assert sentence.endswith("It is in `report.html`.")


def test_figures_are_small_and_only_films_are_animated(folder: Path) -> None:
    for path in (folder / "report").rglob("*.png"):
        film = path.parent.name == "media"
        assert path.stat().st_size < (1_000_000 if film else 150_000)
        with Image.open(path) as image:
            assert (getattr(image, "n_frames", 1) > 2) == film
            assert image.mode in ("L", "P")


def test_settings_that_differ_from_the_published_ones_show_both(text: str) -> None:
    table = text[text.index("**Table 1.**") : text.index("**Table 2.**")]
    assert "| 2, 3 (published: 32, 64, 128, 64, 32) | 2, 3 |" in table  # model2 and model5
    assert "(published: 1200)" in table
    assert "0.001 (published" not in table


def test_every_number_of_the_report_is_explained(text: str) -> None:
    """The column heads of its tables of scores all occur under 'What the numbers mean'."""
    tables, meaning = text.split("## What the numbers mean")
    heads = re.findall(r"^(\|.*)\n\|---\|(?:---\|)+$", tables, flags=re.M)
    cells = {cell.strip(" ↑↓") for line in heads for cell in line.split("|")}
    assert {"IS", "FID", "KID", "FID, Inception", "RMSE"} <= cells
    not_scores = {"", "epoch", "published", "what was run", *MODELS}
    for name in cells - not_scores:
        word = name.replace(" in dB", "").replace("FID, classifier", "FID")
        word = word.replace("IS by the published definition", "IS")
        assert f"**{word.lower()}**" in meaning.lower(), name


def test_the_summary_describes_the_run(folder: Path, text: str) -> None:
    run = json.loads((folder / "results/models/model2/run.json").read_text())
    summary = text[text.index("## Summary") : text.index("## Hot")]
    for words in (run["device"], run["precision"], run["torch"], "2 epochs of 32 images", "dvc"):
        assert words in summary
    assert "not a git repository" in summary
    assert re.search(r"training time \| model2 \S+ s, model4", summary)


def test_the_summary_describes_the_sampler_of_each_model(text: str) -> None:
    summary = text[text.index("## Summary") : text.index("## Hot")]
    assert re.findall(r"^- (\*\*.*)\.$", summary, flags=re.M) == [
        "**model2** generates images from Gaussian noise with the ancestral sampler",
        "**model4** restores validation images in which 50 % of the pixels survive, with the naive "
        "sampler (Algorithm 4)",
        "**model5** generates images from Gaussian noise with the ancestral sampler",
        "**drawn** generates images from salt-and-pepper noise alone by categorical draws of grey "
        "levels, in 4 steps with η = 0.0",
        "**mean** starts from salt-and-pepper noise alone and uses the naive sampler (Algorithm 4)",
        "**blurred** restores validation images after blur, with the naive sampler (Algorithm 4)",
    ]


def test_a_restoration_of_validation_images_has_no_validation_fid(folder: Path, text: str) -> None:
    scores = json.loads((folder / "report/scores.json").read_text())
    assert "validation_fid" in scores["model2"]
    assert "validation_fid" not in scores["model4"]
    table = text[text.index("**Table 6.**") :]
    rows = re.findall(r"^\| (model[24]) \|.*\| (\S+) \| (\S+) \| – \| .* \|$", table, re.MULTILINE)
    assert {(name, validation == "–", improved == "–") for name, validation, improved in rows} == {
        ("model2", False, True),
        ("model4", True, False),
    }


def test_the_likelihood_of_categorical_models_is_shown_beside_simple_codes(
    folder: Path, text: str
) -> None:
    found = json.loads((folder / "report/scores.json").read_text())["drawn"]["likelihood"]
    assert 0 < found["bits"] < 8
    assert found["images"] == TINY["likelihood.images"]
    table = text.partition("**Likelihood.**")[2].partition("\n\n|")[2].partition("\n\n")[0]
    (row,) = re.findall(r"^\| drawn \| .*", table, re.MULTILINE)
    for key in ("bits", "independent_pixels", "lzma"):
        assert f" {found[key]:.3g}" in row


def test_the_budget_of_models_with_their_own_epochs_is_stated(folder: Path) -> None:
    blurred = MODELS["blurred"] | {"training": RECIPE | {"epochs": 1}}
    text = report_with(folder, models=MODELS | {"blurred": blurred})
    others = "model2, model4, model5, drawn and mean"
    assert f"| budget | 1 (blurred) or 2 ({others}) epochs of 32 images" in text
    assert "used 0.000889 % to 0.00178 % of the published number of images" in text


def test_a_small_budget_gives_no_conclusion(text: str) -> None:
    assert text.index("Small budget: no conclusions") < text.index("## Summary")
    assert "The training used 0.00178 % of the published number of images" in text
    assert "These results show" not in text
    assert re.search(r"^- model2: (\d steps with|no setting of the study)", text, flags=re.M)
    assert "- blurred, from one step to the improved sampler: FID" in text


def test_a_large_budget_gives_conclusions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "CONCLUSIVE_IMAGES", 64)
    monkeypatch.setattr(budget, "CONCLUSIVE_SAMPLES", 12)
    text = report_with(folder)
    assert "These results show" in text
    assert "no conclusions" not in text
    assert "Part of the published budget" in text


def test_without_wall_clock_the_same_results_give_the_same_bytes(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, symlinks=True)
    quiet = OVERRIDES | {"figures.wall_clock": False}
    produced = []
    for seconds in ([1.0, 2.0], [30.0, 60.0]):
        (copy / "results/times/model2.json").write_text(json.dumps({"seconds": seconds}))
        for stage in (figures, report):
            run_stage(copy, stage, **quiet)
        files = [p for p in (copy / "report").rglob("*.*") if p.is_file()]
        produced.append({p: p.read_bytes() for p in files})
    assert copy / "report/report.html" in produced[0]
    assert produced[0] == produced[1]
    assert not (copy / "report/figures/loss_by_time.png").exists()
    text = (copy / "report/report.md").read_text()
    assert "training time" not in text
    assert "loss_by_time" not in text


def test_the_report_shows_the_measured_times(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    path = Path("results/times/model2.json")
    content = path.read_text()
    measured = read_model("model2", read_design("model2")).seconds
    assert measured == json.loads(content)["seconds"]
    assert len(measured) == 2
    assert 0 <= measured[0] <= measured[1]  # rounded
    path.write_text(json.dumps({"seconds": [21.0, 42.0]}))
    assert "| training time | model2 42 s, model4 " in report_with(folder)
    assert "training time" not in report_with(folder, **{"figures.wall_clock": False})
    path.write_text(content)


# --- the page


def test_the_page_contains_everything_that_it_shows(folder: Path, html: str) -> None:
    sources = re.findall(r'src="(.{0,40})', html)
    assert len(sources) == len(list((folder / "report").rglob("*.png")))
    assert html.count('class="film"') == len(MODELS)
    assert html.count('class="lines"') == len(list((folder / "report/media").glob("*.svg")))
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.findall(r'(?:href|src)="(?!data:|#)', html)
    embedded = re.search(r'id="scores">(.*?)</script>', html, flags=re.S).group(1)
    assert json.loads(embedded) == json.loads((folder / "report/scores.json").read_text())


def test_the_page_escapes_the_text_of_results(html: str) -> None:
    assert "Why there are &lt;no&gt; weights." in html


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium that resolves no host name, with the width of a phone."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no browser: install the Debian packages chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as driven:
        driven.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SCREEN)
        yield driven


@pytest.fixture
def opened(browser: Any, folder: Path) -> Any:
    browser.get((folder / "report/report.html").as_uri())
    return browser


def test_the_page_opens_from_disk_without_errors(opened: Any) -> None:
    assert "MNIST" in opened.title
    assert opened.get_log("browser") == []
    broken = "return [...document.images].filter(i => !(i.complete && i.naturalWidth)).length"
    assert opened.execute_script("return document.images.length") > 30
    assert opened.execute_script(broken) == 0


def test_an_animation_is_enlarged_by_whole_pixels(opened: Any) -> None:
    """On a screen that is wide enough; the frames have the pixels of the images."""
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", SCREEN | {"width": 1200, "mobile": False}
    )
    size = """
        const film = document.querySelector("img.film"), style = getComputedStyle(film);
        return [film.naturalWidth, parseFloat(style.width), style.imageRendering];
    """
    natural, shown, rendering = opened.execute_script(size)
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SCREEN)
    assert shown == 3 * natural
    assert rendering == "pixelated"


def test_a_phone_scrolls_the_page_in_one_direction(opened: Any) -> None:
    assert opened.execute_script("return document.documentElement.clientWidth") == 390
    assert opened.execute_script("return document.documentElement.scrollWidth") == 390


def test_a_click_on_a_column_head_sorts_the_table(opened: Any) -> None:
    find = """
        const table = [...document.querySelectorAll("table")]
            .find(t => t.tHead.textContent.includes("KID"));
        const column = [...table.tHead.rows[0].cells].find(c => c.textContent.startsWith("FID"));
    """
    click = "column.querySelector('button').click();"
    read = """
        return [[...table.tBodies[0].rows].map(r =>
            parseFloat(r.cells[column.cellIndex].textContent)), column.getAttribute("aria-sort")];
    """
    values, unsorted = opened.execute_script(find + read)
    assert unsorted is None
    assert len(set(values)) > 1
    for order in ("ascending", "descending"):
        expected = [sorted(values, reverse=order == "descending"), order]
        assert opened.execute_script(find + click + read) == expected


def test_a_click_on_a_figure_enlarges_it(opened: Any) -> None:
    shown = "return document.querySelector('dialog').open"
    opened.execute_script("document.querySelector('main img').click()")
    assert opened.execute_script(shown)
    opened.execute_script("document.querySelector('dialog').click()")
    assert not opened.execute_script(shown)


def test_the_page_follows_the_light_or_dark_scheme(opened: Any) -> None:
    backgrounds = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colour = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
        backgrounds.append(sum(map(int, re.findall(r"\d+", colour))))
    assert backgrounds[0] > 600 > 200 > backgrounds[1]


def test_dvc_plots_draws_without_the_network(browser: Any, folder: Path, tmp_path: Path) -> None:
    copy_project(tmp_path / "project", TINY)
    for name in ("report/figures", "report/plots", "results/history"):
        shutil.copytree(folder / name, tmp_path / "project" / name)
    command = [sys.executable, "-m", "dvc", "plots", "show"]
    subprocess.run(command, cwd=tmp_path / "project", check=True, capture_output=True)
    browser.get((tmp_path / "project/dvc_plots/index.html").as_uri())
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    assert (
        browser.execute_script("return document.querySelectorAll('canvas, svg.marks').length") == 3
    )
    loaded = "return [...document.images].filter(i => i.naturalWidth).length"
    assert browser.execute_script(loaded) == 3

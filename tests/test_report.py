"""Figures and report: complete for any models, true for any results, one page for a browser."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT, TINY, prepare, run_stage
from PIL import Image
from scipy.stats import binomtest

from diffusion.models.params import Model
from diffusion.reporting import findings, page, plotting
from diffusion.reporting.intervals import wilson
from diffusion.reporting.results import ModelResults, read_model
from diffusion.runtime.params import load
from stages import evaluate, figures, report, sample, train
from stages import evaluate_real as reference
from stages import step_study as compare_steps
from stages import train_classifier as classifier
from tools.copy_project import copy_project

UNET = {"network": {"kind": "unet", "channels": [8, 8, 8]}, "learning_rate": 2.0e-3}
SALT = {"kind": "impulse", "rho": [0.0, 0.5], "T": 4}
MODELS = TINY["models"] | {
    "model5": TINY["models"]["model2"] | {"learning_rate": 2.0e-3},
    "drawn": UNET | {"degradation": SALT | {"levels": 4}, "prediction": "categorical"},
    "mean": UNET | {"degradation": SALT, "ema": {"decay": 0.9}},
    "blurred": UNET | {"degradation": {"kind": "blur", "std": 2.0, "T": 3}},
}
OVERRIDES = {"models": MODELS, "sampling.images": 12}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results, figures and report of a Gaussian, an impulse and added models."""
    folder = tmp_path_factory.mktemp("report")
    prepare(folder)
    for stage in (classifier, reference):
        run_stage(folder, stage, **OVERRIDES)
    for name in MODELS:
        for stage in (train, sample, evaluate, compare_steps):
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


# --- what is in it


def test_every_published_figure_and_table_has_its_number(text: str) -> None:
    labels = re.findall(r"^\*\*Figure (.+?)\.\*\*", text, flags=re.M)
    # Figures 4, 9 and 15 belong to models that this run does not have.
    numbered = {int(label.split(",")[0]) for label in labels}
    assert numbered >= set(range(1, 16)) - {4, 9}
    assert {"15, model2", "15, model4", "15, model5"} <= set(labels)
    later = [int(label) for label in labels if label.isdigit() and int(label) > 15]
    assert later == list(range(16, 16 + len(later)))
    assert re.findall(r"^\*\*Table (\d)\.\*\*", text, flags=re.M) == list("123456")


def test_every_figure_is_shown_and_every_shown_figure_is_there(folder: Path, text: str) -> None:
    drawn = {p.name for p in (folder / "report/figures").glob("*.png")}
    assert set(re.findall(r"\]\(figures/(.+?)\)", text)) == drawn
    kinds = ("progress", "digits", "samples", "reverse", "film", "confidence", "nearest")
    assert {f"{kind}_model5.png" for kind in kinds} <= drawn
    vectors = {p.stem for p in (folder / "report/figures").glob("*.svg")}
    assert {"loss_gaussian", "loss_by_images", "loss_by_time", "fid_all", "kid", "steps"} <= vectors


def test_figures_are_small_and_films_move(folder: Path) -> None:
    for path in (folder / "report/figures").glob("*.png"):
        film = path.name.startswith("film_")
        assert path.stat().st_size < (1_000_000 if film else 300_000)
        with Image.open(path) as image:
            assert (getattr(image, "n_frames", 1) > 2) == film


def test_settings_that_differ_from_the_published_ones_show_both(text: str) -> None:
    table = text[text.index("**Table 1.**") : text.index("**Table 2.**")]
    assert "| 2, 3 (published: 32, 64, 128, 64, 32) | 2, 3 |" in table  # model2 and model5
    assert "(published: 1200)" in table
    assert "0.001 (published" not in table


def test_every_number_of_the_report_is_explained(text: str) -> None:
    """Column heads of its tables of scores all stand under 'What the numbers mean'."""
    tables, meaning = text.split("## What the numbers mean")
    heads = re.findall(r"^(\|.*)\n\|---\|(?:---\|)+$", tables, flags=re.M)
    cells = {cell.strip(" ↑↓") for line in heads for cell in line.split("|")}
    said_beside = {"", "epoch", "published", "what was run", *MODELS}
    for name in cells - said_beside:
        word = name.replace(" in dB", "").replace("FID, classifier", "FID")
        word = word.replace("IS by the published definition", "IS").replace(
            "FID, Inception", "FID, Inception"
        )
        assert f"**{word.lower()}**" in meaning.lower(), name


def test_the_summary_says_what_was_run(folder: Path, text: str) -> None:
    run = json.loads((folder / "results/models/model2/run.json").read_text())
    summary = text[text.index("## Summary") : text.index("## Hot")]
    for words in (run["device"], run["precision"], run["torch"], "2 epochs of 32 images", "dvc"):
        assert words in summary
    assert "not a git repository" in summary
    assert re.search(r"time to train \| model2 \S+ s, model4", summary)


def test_no_conclusion_at_a_small_budget(text: str) -> None:
    assert text.index("Small budget: no conclusions") < text.index("## Summary")
    assert "What these results say" not in text
    assert "- blurred, from one step to the improved sampler: FID" in text


def test_conclusions_at_a_large_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {p: p.read_bytes() for p in (folder / "report").glob("*.*") if not p.is_symlink()}
    monkeypatch.setattr(report, "CONCLUSIVE_IMAGES", 64)
    monkeypatch.setattr(report, "CONCLUSIVE_SAMPLES", 12)
    run_stage(folder, report, **OVERRIDES)
    text = (folder / "report/report.md").read_text()
    assert "What these results say" in text
    assert "no conclusions" not in text
    assert "Part of the published budget" in text
    for path, content in kept.items():
        path.write_bytes(content)


def test_without_wall_clock_the_same_results_give_the_same_bytes(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    quiet = OVERRIDES | {"figures.wall_clock": False}
    produced = []
    for seconds in ([1.0, 2.0], [30.0, 60.0]):
        times = tmp_path / "copy/report/times/model2.json"
        content = json.loads(times.read_text()) | {"seconds": seconds}
        times.write_text(json.dumps(content))
        for stage in (figures, report):
            run_stage(tmp_path / "copy", stage, **quiet)
        files = [p for p in (tmp_path / "copy/report").rglob("*.*") if p.is_file()]
        produced.append({p: p.read_bytes() for p in files if p != times})
    assert produced[0] == produced[1]
    assert not (tmp_path / "copy/report/figures/loss_by_time.png").exists()


def test_times_of_another_training_are_not_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    block = Model.model_validate(load(Path("params.yaml"))["models"]["model2"])
    assert len(read_model("model2", block).seconds) == 2
    path = Path("report/times/model2.json")
    content = path.read_text()
    path.write_text(json.dumps(json.loads(content) | {"history_sha256": "another"}))
    assert read_model("model2", block).seconds is None
    path.write_text(content)


# --- sentences that state a finding


def scored(value: float, half: float) -> dict[str, float]:
    """fid as given, and an inception score that is the better the lower fid is."""
    ends = {f"{key}_{side}": half for key in ("fid", "is") for side in ("below", "above")}
    return {"fid": value, "is": 10 - value / 20, "nearest_training_distance": 5.0} | ends


def model(name: str, fid: float, half: float = 1.0, kind: str = "gaussian") -> ModelResults:
    main = {"gaussian": "ancestral", "impulse": "naive"}[kind]
    sets = {main: scored(fid, half)}
    predictions = []
    if kind == "impulse":
        sets["naive"]["psnr"], sets["improved"] = 10.0, scored(fid / 2, half) | {"psnr": 17.0}
        for sampler, digits in (("naive", "8881"), ("improved", "0123")):
            predictions += [{"epoch": "9", "set": sampler, "digit": d} for d in digits]
    checkpoint = {"epoch": 9, "roles": ["best", "last"], "main": main, "sets": sets}
    return ModelResults(name, kind, {}, [], None, [checkpoint], predictions, [])


@pytest.mark.parametrize(("a", "b"), [(10.0, 30.0), (30.0, 10.0)])
def test_the_better_model_is_named(a: float, b: float) -> None:
    best, other = ("model1", "model2") if a < b else ("model2", "model1")
    sentence = findings.ranking([model("model1", a), model("model2", b)], "fid", "FID", 1)
    assert sentence == (
        f"By FID, {best} (10 [9, 11]) is the best Gaussian model, ahead of {other} (30 [29, 31]) "
        "by 20; the intervals do not overlap."
    )
    by_is = findings.ranking([model("model1", a), model("model2", b)], "is", "IS", -1)
    assert by_is.startswith(f"By IS, {best} ")


def test_an_overlap_shows_no_lead() -> None:
    models = [model("a", 10.0), model("b", 11.5), model("c", 30.0)]
    sentence = findings.ranking(models, "fid", "FID", 1)
    assert sentence.endswith("its interval overlaps that of b, so no lead is shown.")


def test_the_published_order_is_compared_where_it_is_known() -> None:
    published = {n: {"best_epoch": 3, "fid": {3: fid}} for n, fid in (("a", 130.0), ("b", 100.0))}
    assert "the same order (100 for b and 130 for a)" in findings.published_order(
        [model("a", 20.0), model("b", 10.0)], published
    )
    assert "another order" in findings.published_order(
        [model("a", 10.0), model("b", 20.0)], published
    )
    assert findings.published_order([model("a", 10.0), model("c", 20.0)], published) is None


def test_distance_from_real_images() -> None:
    floor = scored(2.0, 0.5)
    assert "is 10 times that of real" in findings.distance_from_real(model("a", 20.0), floor)
    assert "cannot be told from" in findings.distance_from_real(model("a", 3.0), floor)


@pytest.mark.parametrize(
    ("first", "last", "verb"),
    [(30.0, 10.0, "falls"), (10.0, 30.0, "rises"), (10.0, 11.0, "does not")],
)
def test_the_course_of_training(first: float, last: float, verb: str) -> None:
    trained = model("a", last)
    assert findings.over_training(trained) is None
    early = copy.deepcopy(trained.checkpoints[0])
    early |= {"epoch": 2, "sets": {"ancestral": scored(first, 1.0)}}
    trained.checkpoints.insert(0, early)
    assert f"From epoch 2 to 9 the FID of a {verb}" in findings.over_training(trained)


def test_the_collapse_is_counted() -> None:
    sentence = findings.samplers_compared(model("model3", 80.0, kind="impulse"))
    assert "takes 75 % of the naive ones for 8 and 25 % of the improved ones for" in sentence
    alone = findings.collapse(model("model3", 80.0, kind="impulse"), "naive")
    assert alone.endswith("the classifier takes 75 % for 8.")
    assert (
        "improves FID from 80 [79, 81] to 40 [39, 41] and takes PSNR from 10 to 17 dB" in sentence
    )


@pytest.mark.parametrize(
    ("fid", "ssim", "rmse", "verdict"),
    [
        (4.0, 0.7, 0.15, "as with theirs"),
        (5.9, 0.7, 0.15, "unlike theirs, FID is not shown to fall"),
        (9.0, 0.7, 0.15, "unlike theirs, FID is not shown to fall"),
        (4.0, 0.8, 0.12, "unlike theirs, SSIM does not fall and RMSE does not rise"),
    ],
)
def test_sampling_is_compared_with_the_pattern_of_bansal_et_al(
    fid: float, ssim: float, rmse: float, verdict: str
) -> None:
    restoring = model("blur", 20.0, kind="impulse")
    restoring.best["sets"] |= {
        "one_step": scored(6.0, 0.5) | {"ssim": 0.75, "rmse": 0.14},
        "improved": scored(fid, 0.5) | {"ssim": ssim, "rmse": rmse},
    }
    sentence = findings.sampled_or_direct(restoring)
    assert sentence.startswith("blur, from one step to the improved sampler: FID 6 [5.5, 6.5] to")
    assert sentence.endswith(f"SSIM 0.75 to {ssim}, RMSE 0.14 to {rmse}; {verdict}.")


def test_memorisation_is_said_of_whom_it_may_be_true() -> None:
    near = {"nearest_training_distance": 6.0}
    assert "The images of a and b lie nearer" in findings.memorisation(
        [model("a", 1.0), model("b", 2.0)], near
    )
    far = {"nearest_training_distance": 4.0}
    assert "No model's images lie nearer" in findings.memorisation([model("a", 1.0)], far)


@pytest.mark.parametrize(
    ("seconds", "words"), [(7.26, "7.3 s"), (119, "119 s"), (300, "5 min"), (9000, "2.5 h")]
)
def test_durations(seconds: float, words: str) -> None:
    assert findings.duration(seconds) == words


def test_all_findings_are_sentences() -> None:
    models = [model("a", 10.0), model("b", 20.0), model("c", 30.0, kind="impulse")]
    found = list(findings.findings(models, scored(2.0, 0.5), {}))
    assert len(found) == 6
    assert all(re.match(r"[A-Z].*\.$", sentence) for sentence in found)
    # Without an impulse model nothing is said of one.
    assert not any("impulse" in s for s in findings.findings(models[:2], scored(2.0, 0.5), {}))


# --- the page


def test_the_page_holds_everything(folder: Path, html: str) -> None:
    sources = re.findall(r'src="(.{0,40})', html)
    assert len(sources) == len(set((folder / "report/figures").glob("*.png")))
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.findall(r'(?:href|src)="(?!data:|#)', html)
    embedded = re.search(r'id="metrics">(.*?)</script>', html, flags=re.S).group(1)
    assert json.loads(embedded) == json.loads((folder / "report/metrics.json").read_text())


def test_the_page_escapes_what_it_prints(folder: Path, html: str) -> None:
    assert "Why there are &lt;no&gt; weights." in html
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "report"), autoescape=True)
    made = page.render(
        "# A <b>title</b>\n\n<script>alert(1)</script>\n",
        folder,
        templates.get_template("page.html.j2"),
        {"model</script>": 1},
    )
    assert "<script>alert" not in made
    assert "<b>" not in made
    assert "model</script>" not in made


def test_a_missing_figure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        page.render("# A\n\n![b](figures/c.png)\n", tmp_path, jinja2.Template("{{ body }}"), {})


# --- drawing


def test_wilson_intervals_against_scipy() -> None:
    counts = np.array([0, 1, 37, 100])
    low, high = wilson(counts, 100)
    for i, count in enumerate(counts):
        theirs = binomtest(int(count), 100).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_images_are_tiled_row_by_row() -> None:
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1) * np.ones((3, 2, 2), np.uint8)
    canvas = plotting.tile(images, columns=2, gap=1)
    assert canvas.tolist() == [
        [0, 0, 255, 1, 1],
        [0, 0, 255, 1, 1],
        [255, 255, 255, 255, 255],
        [2, 2, 255, 255, 255],
        [2, 2, 255, 255, 255],
    ]


def test_a_film_has_all_frames_and_holds_the_last(tmp_path: Path) -> None:
    grid = np.linspace(0, 255, 5).astype(np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 28, 28), np.uint8
    )
    plotting.save_film(tmp_path / "film.png", [grid, grid], columns=2, seconds=1)
    with Image.open(tmp_path / "film.png") as film:
        assert film.n_frames == 5
        film.seek(4)
        assert film.info["duration"] == 2000
        assert np.asarray(film.convert("L"))[0, 0] == 255


def test_a_model_keeps_its_colour_when_another_is_added() -> None:
    with plt.rc_context():
        plotting.use_style(ROOT / "report/style.mplstyle")
        few, many = plotting.colours(["a", "b"]), plotting.colours([*"abcdefghij"])
    assert {name: many[name] for name in few} == few
    assert len(many) == 10


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium that resolves no host name, at the width of a phone."""
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
        phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        driven.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
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


def test_a_phone_scrolls_the_page_in_one_direction(opened: Any) -> None:
    assert opened.execute_script("return document.documentElement.clientWidth") == 390
    assert opened.execute_script("return document.documentElement.scrollWidth") == 390


def test_a_click_on_a_head_sorts_the_table(opened: Any) -> None:
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


def test_light_and_dark(opened: Any) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colour = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(map(int, re.findall(r"\d+", colour))))
    assert grounds[0] > 600 > 200 > grounds[1]


def test_dvc_plots_draws_without_the_network(
    browser: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_project(tmp_path / "project", {})
    for name in ("figures", "plots"):
        shutil.copytree(folder / "report" / name, tmp_path / "project/report" / name)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    for command in ([sys.executable, "tools/offline_plots.py"], ["dvc", "plots", "show"]):
        subprocess.run(command, cwd=tmp_path / "project", check=True, capture_output=True)
    browser.get((tmp_path / "project/dvc_plots/index.html").as_uri())
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    assert (
        browser.execute_script("return document.querySelectorAll('canvas, svg.marks').length") == 2
    )
    loaded = "return [...document.images].filter(i => i.naturalWidth).length"
    assert browser.execute_script(loaded) == 3

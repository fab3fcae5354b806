"""The stages `figures` and `report`: complete for any models, and the page in a browser."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jinja2
import pytest
from conftest import ROOT, SCREEN, TINY, prepare, run_models, run_stage
from examples import COLD, UNET, model
from PIL import Image
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from hotcold.models.params import read_design
from hotcold.reporting.page.rendering import slug, svg_size
from hotcold.reporting.reading import provenance
from hotcold.reporting.reading.measured import SEEDS
from hotcold.reporting.reading.published import read_claims, read_published
from hotcold.reporting.reading.results import read_model
from hotcold.reporting.text import budget
from hotcold.reporting.text.labels import BIBLIOGRAPHY, DOCUMENTS, Labels
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load
from stages import evaluate_real, figures, report, train_classifier

SALT = {"kind": "impulse", "rho": [0.0, 0.5], "T": 4}
RECIPE = {"learning_rate": 2.0e-3}
MODELS = TINY["models"] | {
    "model5": TINY["models"]["model2"] | {"training": RECIPE},
    "drawn": model(SALT | {"levels": 4}, UNET, "categorical", {"kind": "categorical", "steps": 4}),
    "mean": model(SALT, UNET, "x_0", COLD, ema=0.9),
    "blurred": model({"kind": "blur", "std": 2.0, "T": 3}, UNET, "x_0", COLD),
}
CLIPS = {"plain": {"steps": [2, 3], "eta": [0.0, 0.5], "clip": [False, True]}}
OVERRIDES = {
    "models": MODELS,
    "step_study": TINY["step_study"] | {"ancestral": CLIPS, "ddim": CLIPS},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results, figures and report of a Gaussian model, an impulse model and further models."""
    folder = tmp_path_factory.mktemp("report")
    prepare(folder)
    for stage in (train_classifier, evaluate_real):
        run_stage(folder, stage, **OVERRIDES)
    run_models(folder, **OVERRIDES)
    shutil.rmtree(folder / paths.TIMES)  # the report shows none
    for stage in (figures, report):
        run_stage(folder, stage, **OVERRIDES)
    return folder


def both(folder: Path, suffix: str = "md") -> list[str]:
    """The article and its supplement."""
    return [(folder / f"report/{d}.{suffix}").read_text(encoding="utf-8") for d in DOCUMENTS]


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return "\n".join(both(folder))


def report_again(folder: Path) -> str:
    """The article and supplement in other circumstances; the files of `folder` stay."""
    files = [path for path in (folder / "report").iterdir() if path.is_file()]
    contents = {path: path.read_bytes() for path in files if not path.is_symlink()}
    run_stage(folder, report, **OVERRIDES)
    text = "\n".join(both(folder))
    for path, content in contents.items():
        path.write_bytes(content)
    return text


def test_the_best_checkpoint_is_that_of_the_smallest_loss(project: Path) -> None:
    path = paths.SCORES / "model2/scores.json"
    entries = json.loads(path.read_text())
    (best,) = (entry for entry in entries if "best" in entry["roles"])
    best["epoch"] = 3 - best["epoch"]  # the other one of two
    path.write_text(json.dumps(entries))
    with pytest.raises(UserError, match=f"in {path}, {best['epoch']}, is not that of the"):
        read_model("model2", read_design("model2"))


# --- what a person edits


@pytest.fixture
def project(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of the small files, as the current folder."""
    large = shutil.ignore_patterns("*.npz", "weights*", "mnist_idx")
    shutil.copytree(folder, tmp_path / "project", ignore=large)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("published/claims.yaml", "kind: loss,", "kind: lost,", "claims.1.kind"),
        ("published/claims.yaml", "score: is,", "score: it,", "score"),
        ("published/claims.yaml", "than: model1,", "", "than is missing"),
        ("published/scores.yaml", "188", ".nan", "models.model1.fid.10 is nan"),
        ("published/scores.yaml", "138}", "138, 75: 1}", "occurs twice"),
        ("published/scores.yaml", "75: 138", "74: 138", "models.model1.fid.75 is missing"),
        ("published/scores.yaml", "minutes: 48", "minute: 48", "minute"),
        ("published/losses_model3.csv", "0.0244", "nan", "line 2.train_loss"),
        ("published/losses_model3.csv", "0.0244,", "", "rows have one length"),
        ("references.bib", "{ho2020", "{dillmann2023", "dillmann2023"),
    ],
)
def test_a_fault_of_an_edited_file_is_a_sentence_with_its_name(
    name: str, old: str, new: str, sentence: str, project: Path
) -> None:
    path = Path("report") / name
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(UserError, match=re.escape(sentence)) as caught:
        read_claims(), read_published({}), Labels(BIBLIOGRAPHY)
    assert str(path) in str(caught.value)


def test_an_error_in_a_template_keeps_its_traceback_and_the_report(project: Path) -> None:
    path = project / "report/templates/article/abstract.md.j2"
    before = (project / "report/report.md").read_bytes()
    path.unlink()
    path.write_text("{{ nothing }}")
    with pytest.raises(jinja2.UndefinedError) as caught:
        run_stage(project, report, **OVERRIDES)
    assert any(path.name in str(entry.path) for entry in caught.traceback)
    assert (project / "report/report.md").read_bytes() == before


# --- contents


def test_every_published_figure_and_table_has_its_number_in_their_order(text: str) -> None:
    reproduction = text[text.index("## Reproduction") : text.index("## Why the")]
    labels = re.findall(r"^\[\*\*(Figure|Table) (.+?)\.\*\*\]", reproduction, flags=re.M)
    # Figures 4, 9 and 15a belong to models that this run does not have.
    assert [number for kind, number in labels if kind == "Figure"] == [
        *("1", "2", "3", "5", "6", "7", "8", "10", "11", "12", "13", "14", "15b", "15c")
    ]
    assert [number for kind, number in labels if kind == "Table"] == list("123456")


def test_models_that_are_not_published_are_not_among_the_reproduction(text: str) -> None:
    reproduction = text[text.index("## Reproduction") : text.index("## Why the")]
    for name in set(MODELS) - {"model2", "model4"}:
        assert f"| {name} |" not in reproduction
        assert f"_{name}.png" not in reproduction
        assert f"@{name}" not in reproduction
    assert "model2" in reproduction


def test_every_link_within_and_between_the_documents_has_its_target(folder: Path) -> None:
    targets = {}
    for name, text in zip(DOCUMENTS, both(folder), strict=True):
        anchors = re.findall(r'<a id="(.+?)">', text)
        assert len(anchors) == len(set(anchors))
        targets[name] = {slug(title) for title in re.findall(r"^#+ (.+)", text, flags=re.M)}
        targets[name] |= set(anchors)
    for name, text in zip(DOCUMENTS, both(folder), strict=True):
        assert set(re.findall(r"\]\(#(.+?)\)", text)) <= targets[name]
        for other, target in re.findall(r"\]\((\w+)\.md#(.+?)\)", text):
            assert target in targets[other]


def test_the_report_shows_the_figures_that_exist_and_no_others(folder: Path, text: str) -> None:
    drawn = {p.name for p in (folder / "report/figures").glob("*.png")}
    assert set(re.findall(r"\]\(figures/(.+?)\)", text)) == drawn
    kinds = ("progress", "digits", "samples", "reverse", "confidence", "nearest")
    assert {f"{kind}_model5.png" for kind in kinds} <= drawn
    assert {p.stem for p in (folder / "report/media").glob("*.svg")} == {
        name.removesuffix(".png") for name in drawn
    }
    tables = {p.name for p in (folder / "report/plots").iterdir()}
    assert set(re.findall(r"\]\(plots/(.+?)\)", text)) <= tables


def test_every_figure_says_what_is_seen_and_which_command_makes_it(text: str) -> None:
    for alternative in re.findall(r"^!\[(.*?)\]", text, flags=re.M):
        assert re.fullmatch(r"[A-Z].{15,}\.", alternative), alternative
    figures = re.findall(r"^\[\*\*Figure(?!.*: see \[figure)", text, flags=re.M)
    commands = re.findall(r"^<sub>.*`dvc repro (.+?)`</sub>", text, flags=re.M)
    assert len(commands) == len(figures)
    stages = load(ROOT / "dvc.yaml")["stages"]
    for target in " ".join(commands).split():
        stage, _, model = target.partition("@")
        assert stage in stages
        assert not model or (model in MODELS and "do" in stages[stage])


def test_figures_are_small(folder: Path) -> None:
    for path in (folder / "report").rglob("*.png"):
        assert path.stat().st_size < 150_000
        with Image.open(path) as image:
            assert image.mode in ("L", "P")


def test_no_text_of_a_figure_is_smaller_than_eleven_pixels(folder: Path) -> None:
    """At the width of the page, where a figure is not scaled down."""
    for path in (folder / "report/media").glob("*.svg"):
        content = path.read_text()
        sizes = re.findall(r"font(?:-size)?: (?:[a-z]+ )*([\d.]+)px", content)
        assert all(float(size) * 96 / 72 >= 11 for size in sizes), path.name
        assert svg_size(path)[0] <= 51 * 16, path.name


def test_every_score_of_the_report_is_explained(text: str) -> None:
    """The column heads of its tables of scores all occur in the glossary."""
    tables, meaning = text.split("## Glossary of metrics")
    heads = re.findall(r"^(\|.*)\n\| ---", tables, flags=re.M)
    cells = {cell.strip(" ↑↓") for line in heads for cell in line.split("|")}
    assert {"IS", "FID", "KID", "FID, validation", "RMSE"} <= cells
    not_scores = {"", "epoch", "published", "what", "from", "here", "reason", "value", "method"}
    not_scores |= {"checkpoint", "model", "restored by", "commonest digit", "training", *MODELS}
    not_scores |= {"evaluations", "how", "degradation", "predicts"}
    for name in cells - not_scores:
        word = name.replace(" in dB", "").replace("FID, classifier", "FID")
        word = word.replace("IS by the published definition", "IS")
        assert f"**{word.lower()}**" in meaning.lower(), name


def test_a_restoration_of_validation_images_has_no_validation_fid(folder: Path, text: str) -> None:
    scores = json.loads((folder / "report/scores.json").read_text())
    assert "validation_fid" in scores["model2"]
    assert "validation_fid" not in scores["model4"]
    table = text[text.index("**Table 6.**") : text.index("**Figure 15b.**")]
    rows = re.findall(r"^\| (model[24]) \|.*\] \| (\S+) \| .* \|$", table, re.MULTILINE)
    missing = {(name, validation == "–") for name, validation in rows}
    assert missing == {("model2", False), ("model4", True)}


def test_the_likelihood_of_a_model_is_shown_beside_simple_codes(folder: Path, text: str) -> None:
    found = json.loads((folder / "report/scores.json").read_text())["drawn"]["likelihood"]
    assert 0 < found["bits"] < 8
    assert found["images"] == TINY["likelihood.images"]
    table = text.partition("### Likelihood")[2].partition("\n\n|")[2].partition("\n\n")[0]
    (row,) = re.findall(r"^\| drawn \| .*", table, re.MULTILINE)
    for key in ("bits", "independent_pixels", "lzma"):
        assert f" {found[key]:.3f}" in row


def test_a_small_budget_gives_neither_verdict_nor_conclusion(text: str) -> None:
    assert text.index("Small budget: no conclusions") < text.index("## Abstract")
    assert "All verdicts on the published claims are withheld" in text
    body = text[: text.index("## Glossary")]
    assert not re.search(r"\*\*(holds|does not hold|remains open)\*\*", body)
    assert "The budget of this run is too small for findings" in body


def test_a_large_budget_gives_conclusions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "CONCLUSIVE_IMAGES", 64)
    monkeypatch.setattr(budget, "CONCLUSIVE_SAMPLES", 12)
    text = report_again(folder)
    claims = text[text.index("**Table S1.**") : text.index("## Methods")]
    rows = re.findall(r"^\| (.+?) \| \*\*(.+?)\*\* \|", claims, flags=re.M)
    assert len(rows) == 7  # of the classifier, of model2 and of model4 alone
    assert ("model4 generates digits", "does not hold") in rows
    assert f"Of {len(rows)} published claims" in text
    article = text[text.index("**Table A.**") : text.index("## Model or sampler?")]
    short = re.findall(r"^\| (.+?) \(.*?\) \| \*\*(.+?)\*\* \|", article, flags=re.M)
    assert set(short) < set(rows)
    assert len(short) == 2  # the others are about models that are not part of this run
    assert "no conclusions" not in text
    assert "Part of the published budget" in text


def test_further_seeds_are_compared_with_the_intervals(
    folder: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "`make seeds` would do it" in text
    assert "### Training again" not in text
    monkeypatch.chdir(folder)
    scores = read_model("model2", read_design("model2")).scores
    try:
        for seed, change in ((42, 9.0), (1, 1.0), (2, 2.0)):
            row = {"model": "model2", "seed": seed, "epoch": 2, "commit": "none"}
            row |= SEEDS.origin("model2") | {"settings": SEEDS.settings(load(), "model2")} | scores
            SEEDS.add(row | {"fid": scores["fid"] + change})
        again = report_again(folder)
        version, rows = SEEDS.origin("model2")["torch"], SEEDS.path.read_text()
        SEEDS.path.write_text(rows.replace("none,", "old,", 1).replace(version, "1.0", 1))
        other_torch = report_again(folder)
        settings = SEEDS.settings(load(), "model2")
        SEEDS.path.write_text(SEEDS.path.read_text().replace(settings, "others"))
        other = report_again(folder)
    finally:
        SEEDS.path.unlink()
    assert "### Training again" not in other
    assert "Code or PyTorch of" not in again
    assert "of 1 of 3 further runs differs from that of the results, or" in other_torch
    assert "recorded: old (PyTorch 1.0).\n" in other_torch
    table = again.partition("### Training again")[2].partition("### ")[0]
    (row,) = re.findall(r"^\| model2 \| FID ↓ \| (.*) \|$", table, re.MULTILINE)
    values, between, images = row.split(" | ")
    fid = scores["fid"]
    assert values == f"{fid:.2f}, {fid + 1:.2f}, {fid + 2:.2f}"  # not the row of its own seed
    assert between == "1.00 [0.52, 6.28]"  # chi squared with 2 degrees of freedom
    width = (scores["fid_below"] + scores["fid_above"]) / 2
    assert float(images) == pytest.approx(width / 1.96, abs=0.006)
    assert re.search(r"\[table S\d+\]\(supplement.md#table-s\d+\) shows what further", again)


def test_results_of_other_code_are_counted(project: Path, text: str) -> None:
    assert "results of other code" not in text
    path = paths.RECORDS / "train/model2.json"
    path.write_text(path.read_text().replace('"code": "', '"code": "0'))
    assert provenance.of_other_code() == [f"train (1 of {len(MODELS)})"]


@pytest.mark.slow
def test_a_run_without_published_models_has_no_reproduction(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, symlinks=True)
    only = OVERRIDES | {"models": {"blurred": MODELS["blurred"]}}
    for stage in (figures, report):
        run_stage(copy, stage, **only)
    _, text = both(copy)
    assert "No model of the published report is part of this run." in text
    assert "No published model of this run restores images." in text
    assert "model2" not in text[text.index("## Reproduction") : text.index("## References")]
    assert not list((copy / "report").rglob("*model2*"))  # figures of the earlier run
    assert not any("live-worker" in page for page in both(copy, "html"))


# --- the page


@pytest.mark.parametrize("place", [0, 1])
def test_a_page_contains_everything_that_it_shows_and_no_more(folder: Path, place: int) -> None:
    html, other = both(folder, "html")[place], DOCUMENTS[1 - place]
    images = re.findall(r"<img [^>]+>", html)
    media = {path.read_bytes() for path in (folder / "report/media").iterdir()}
    everywhere = re.findall(r'<img [^>]*src="([^"]+)"', "".join(both(folder, "html")))
    assert len(set(everywhere)) == len(media)
    assert len(images) > len(media) / 2 if place else len(images) < len(media) / 3
    assert all('src="data:image/' in image and 'decoding="async"' in image for image in images)
    assert not re.findall(rf'href="(?!data:|#|https://arxiv\.org/|{other}\.html|\.\./docs/)', html)
    assert re.findall(r'id="live-(\w+)"|data-kind="(\w+)"', html) == (
        [] if place else [("", "restore"), ("restore", ""), ("kernel", ""), ("worker", "")]
    )  # with the model "mean"; none has labels
    saved, tables = (
        json.loads(re.search(rf'id="data-{key}">(.*?)</script>', html, flags=re.S)[1])
        for key in ("scores", "tables")
    )
    assert saved == json.loads((folder / "report/scores.json").read_text())
    shown = set(" ".join(re.findall('data-tables="(.*?)"', html)).split())
    assert set(tables) - {"models"} == shown  # whose colours the loss curves have


@pytest.mark.parametrize("place", [0, 1])
def test_a_page_has_mathematics_captions_and_scopes(folder: Path, place: int) -> None:
    html = both(folder, "html")[place]
    equations = html.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"')
    assert equations == 17 * place
    assert "$" not in re.sub(r"<script.*?</script>", "", html, flags=re.S)
    tables = re.findall(r"<table>.*?</table>", html, flags=re.S)
    assert len(tables) > (10 if place else 3)
    for table in tables:
        assert re.match(r"<table>\s*<caption><span><a href=\"#table-", table)
        assert "<td></td>" not in table.split("</thead>")[0]
        assert '<th scope="row"' in table
        assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", table))
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)
    assert "not computed. Why there are &lt;no&gt; weights." in html


# --- in a browser


def prefer(browser: Any, name: str, value: str) -> None:
    """Set a preference of the person who reads."""
    features = [{"name": f"prefers-{name}", "value": value}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def show(browser: Any, folder: Path, document: str) -> Any:
    """The browser with a document on a phone."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SCREEN)
    browser.get((folder / f"report/{document}.html").as_uri())
    return browser


@pytest.fixture
def opened(browser: Any, folder: Path) -> Any:
    """The supplement, which has everything but the live figures."""
    return show(browser, folder, "supplement")


@pytest.fixture(params=DOCUMENTS)
def page(request: Any, browser: Any, folder: Path) -> Any:
    """Either document."""
    return show(browser, folder, request.param)


def test_an_address_that_has_moved_leads_to_the_supplement(browser: Any, folder: Path) -> None:
    show(browser, folder, "report")
    browser.execute_script("location.hash = '#figure-2'")
    WebDriverWait(browser, 10).until(lambda b: b.current_url.endswith("supplement.html#figure-2"))


def test_a_page_opens_from_disk_without_errors(page: Any) -> None:
    assert "MNIST" in page.title
    load = """
        const done = arguments[0], images = [...document.images];
        Promise.all(images.map((image) => image.decode())).then(() => done(images.length), done);
    """
    assert page.execute_async_script(load) > 5
    assert page.get_log("browser") == []


def test_the_page_runs_no_script_but_its_own(opened: Any) -> None:
    add = """
        const script = document.createElement("script");
        script.textContent = "document.title = 'another'";
        document.body.append(script);
        const event = '<p onclick="document.title = 1" id="other">';
        document.body.insertAdjacentHTML("beforeend", event);
        document.getElementById("other").click();
        return document.title;
    """
    assert "another" != opened.execute_script(add) != "1"
    assert "Content Security Policy" in str(opened.get_log("browser"))


def wide_screen(browser: Any) -> None:
    """Give the page the width of a laptop."""
    size = SCREEN | {"width": 1280, "height": 900, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_a_laptop_shows_text_figures_and_tables_in_full(page: Any) -> None:
    wide_screen(page)
    smallest = """
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        let smallest = [99, ""];
        for (let text; (text = texts.nextNode());) {
            const parent = text.parentElement;
            if (!text.data.trim() || parent.closest("script, math, [hidden]")) continue;
            const size = parseFloat(getComputedStyle(parent).fontSize);
            if (size < smallest[0]) smallest = [size, text.data];
        }
        return smallest;
    """
    assert page.execute_script(smallest)[0] >= 11
    shrunk = """
        return [...document.querySelectorAll("figure > p > img")].filter((image) =>
            image.clientWidth && image.clientWidth < image.getAttribute("width") - 1).length;
    """
    assert page.execute_script(shrunk) == 0
    cut = """
        return [...document.querySelectorAll(".wide")].filter((table) =>
            table.scrollWidth > table.clientWidth + 1).map((table) => table.id);
    """
    assert page.execute_script(cut) == []


def test_figures_of_checkpoints_show_their_points_on_a_phone(folder: Path) -> None:
    for name, panels in (("fid_all", 1), ("kid", 1), ("fid_published", 2)):
        assert svg_size(folder / f"report/media/{name}.svg")[0] <= panels * (390 - 2 * 16)


def test_the_contents_mark_the_section_that_is_read(opened: Any) -> None:
    wide_screen(opened)
    current = "return document.querySelector('nav a[aria-current]').textContent"
    assert opened.execute_script(current) == "Claims of the published report"
    jump = """
        document.documentElement.style.scrollBehavior = "auto";
        const done = arguments[0];
        document.getElementById("beyond-the-published-report").scrollIntoView();
        setTimeout(done, 300);
    """
    opened.execute_async_script(jump)
    assert opened.execute_script(current) == "Beyond the published report"


def press(browser: Any, element: Any, *keys: str) -> None:
    """Press keys on an element that has the focus."""
    browser.execute_script("arguments[0].focus()", element)
    element.send_keys(*keys)


def test_a_slider_moves_both_samplers_to_one_step(opened: Any) -> None:
    film = opened.find_element("css selector", "#beyond-the-published-report ~ figure .film")
    slider, output = (film.find_element("css selector", tag) for tag in ("input", "output"))
    moved = """
        return [...arguments[0].querySelectorAll("img")].map((i) => i.style.objectPosition);
    """
    press(opened, slider, Keys.END)
    assert output.text == "t = 0"
    last = opened.execute_script(moved, film)
    assert len(last) == 2
    assert len(set(last)) == 1
    press(opened, slider, Keys.HOME)
    assert output.text == f"t = {SALT['T']}"
    assert set(opened.execute_script(moved, film)).isdisjoint(last)


def test_a_divider_shows_more_of_the_restored_images(opened: Any) -> None:
    box = opened.find_element("css selector", ".compare")
    slider = box.find_element("css selector", "input[type=range]")
    shown = "return getComputedStyle(arguments[0].querySelector('img + img')).clipPath"
    for key, place in ((Keys.HOME, "0%"), (Keys.END, "100%")):
        press(opened, slider, key)
        assert opened.execute_script(shown, box).endswith(f" {place})")
    alternative = "return arguments[0].querySelector('.pair img + img').alt"
    before = opened.execute_script(alternative, box)
    opened.execute_script("arguments[0].querySelectorAll('[type=radio]')[1].click()", box)
    assert opened.execute_script(alternative, box) != before


def test_loss_curves_are_switched_and_read_with_the_keyboard(opened: Any) -> None:
    box = opened.find_element("css selector", ".explorer")
    chart = box.find_element("css selector", "svg")
    readout = box.find_element("css selector", ".readout")
    for choice in box.find_elements("css selector", "input"):
        wanted = choice.get_attribute("value") == "model4"
        if choice.is_selected() != wanted:
            opened.execute_script("arguments[0].click()", choice)
    press(opened, chart, Keys.HOME)
    first = readout.text
    assert "model4, epoch 1: training" in first
    assert "model2" not in first
    press(opened, chart, Keys.ARROW_RIGHT)
    assert "model4, epoch 2: training" in readout.text
    lines = "return [...arguments[0].querySelectorAll('.line, text')].length"
    assert opened.execute_script(lines, box) > 4


def test_a_link_opens_the_tab_of_its_figure(opened: Any) -> None:
    panels = "return [...document.querySelectorAll('.tab')].map((panel) => panel.hidden)"
    assert opened.execute_script(panels) == [False, *[True] * len(MODELS)]
    tabs = opened.find_elements("css selector", "[role=tab]")
    press(opened, tabs[0], Keys.ARROW_RIGHT)
    assert opened.execute_script(panels)[:2] == [True, False]
    target = "return [...document.querySelectorAll('.tab')].at(-1).querySelector('figure').id"
    figure = opened.execute_script(target)
    opened.execute_script(f"location.hash = '#{figure}'")
    assert opened.execute_script(panels) == [*[True] * len(MODELS), False]
    opened.execute_script("history.replaceState(null, '', location.pathname)")


def test_reduced_motion_is_respected(opened: Any) -> None:
    visible = """
        return [getComputedStyle(document.querySelector(".play")).display !== "none",
                getComputedStyle(document.documentElement).scrollBehavior];
    """
    assert opened.execute_script(visible) == [True, "smooth"]
    prefer(opened, "reduced-motion", "reduce")
    assert opened.execute_script(visible) == [False, "auto"]


def test_a_printed_page_shows_stills_and_all_models(opened: Any) -> None:
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = """
        const visible = (element) => element.checkVisibility();
        return [".film", ".explorer", ".compare", "nav", ".tab", "figure > p > img"].map(
            (selector) => [...document.querySelectorAll(selector)].filter(visible).length);
    """
    counts = opened.execute_script(shown)
    figures = opened.execute_script("return document.querySelectorAll('figure > p > img').length")
    assert counts == [0, 0, 0, 0, len(MODELS) + 1, figures]


def test_the_numbers_of_a_figure_can_be_saved(opened: Any) -> None:
    saved = """
        const done = arguments[0], { createObjectURL } = URL;
        const { click } = HTMLAnchorElement.prototype;
        let content;
        URL.createObjectURL = (blob) => (content = blob.text(), "#");
        HTMLAnchorElement.prototype.click = function () {
            content.then((text) => done([this.download, text]));
        };
        document.querySelector("#figure-2 .sources button").click();
        HTMLAnchorElement.prototype.click = click;
        URL.createObjectURL = createObjectURL;
    """
    name, content = opened.execute_async_script(saved)
    assert name == "loss.csv"
    assert content.startswith("model,source,epoch,images,training_loss,validation_loss")


@pytest.mark.parametrize("media", ["", "print"])
def test_a_phone_scrolls_a_page_in_one_direction(page: Any, media: str) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
    assert page.execute_script("return document.documentElement.clientWidth") == 390
    assert page.execute_script("return document.documentElement.scrollWidth") == 390


def test_what_scrolls_sideways_fades_at_the_edge_behind_which_it_goes_on(opened: Any) -> None:
    faded = """
        const [end, done] = arguments;
        const boxes = [...document.querySelectorAll(".wide, figure > p")];
        for (const box of boxes) box.scrollLeft = end ? box.scrollWidth : 0;
        const state = (box) => [box.scrollWidth > box.clientWidth + 1, box.matches(".cut")];
        setTimeout(() => done(boxes.filter((box) => box.clientWidth).map(state)), 500);
    """
    at_start = opened.execute_async_script(faded, False)
    assert {(True, True), (False, False)} == {tuple(state) for state in at_start}
    assert not any(cut for _, cut in opened.execute_async_script(faded, True))


def test_a_click_on_a_column_head_sorts_the_table(opened: Any) -> None:
    find = """
        const table = [...document.querySelectorAll("table")]
            .find(t => t.tHead.textContent.includes("KID"));
        const column = [...table.tHead.rows[0].cells]
            .find(c => c.textContent.startsWith("FD of pixels"));
    """
    click = "column.querySelector('button').click();"
    read = """
        const cells = [...table.tBodies[0].rows].map(r => r.cells[column.cellIndex].textContent);
        const values = cells.map(text => parseFloat(text)).filter(value => !isNaN(value));
        return [values, column.getAttribute("aria-sort")];
    """
    values, unsorted = opened.execute_script(find + read)
    assert unsorted is None
    assert len(set(values)) > 1
    for order in ("ascending", "descending"):
        expected = [sorted(values, reverse=order == "descending"), order]
        assert opened.execute_script(find + click + read) == expected


def test_a_click_on_a_figure_enlarges_it(opened: Any) -> None:
    shown = "return document.querySelector('dialog').open"
    opened.execute_script("document.querySelector('figure > p > img').click()")
    assert opened.execute_script(shown)
    opened.execute_script("document.querySelector('dialog').click()")
    assert not opened.execute_script(shown)


def test_a_page_and_its_figures_follow_the_light_or_dark_scheme(browser: Any, folder: Path) -> None:
    pixels = """
        const done = arguments[0], image = document.querySelector("#figure-2 > p > img");
        image.decode().then(() => {
            const canvas = new OffscreenCanvas(60, 40), context = canvas.getContext("2d");
            context.drawImage(image, 0, 0, 60, 40);
            const colours = context.getImageData(0, 0, 60, 40).data;
            let light = 0;
            for (let i = 0; i < colours.length; i += 4) light += colours[i] > 128;
            done(light / (colours.length / 4));
        });
    """
    backgrounds, shares = [], []
    for scheme in ("light", "dark"):
        prefer(browser, "color-scheme", scheme)
        browser.get((folder / "report/supplement.html").as_uri())
        colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        backgrounds.append(sum(map(int, re.findall(r"\d+", colour))))
        shares.append(browser.execute_async_script(pixels))
    assert backgrounds[0] > 600 > 200 > backgrounds[1]
    assert shares[0] > 0.7 > 0.3 > shares[1]

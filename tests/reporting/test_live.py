"""Models that run in the report's page, compared with PyTorch."""

from __future__ import annotations

import base64
import math
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import ROOT, SCREEN
from examples import NETWORKS
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from torch import Tensor

from hotcold.classifier.network import Classifier
from hotcold.models.model import DiffusionModel
from hotcold.models.process import Start
from hotcold.params import Params
from hotcold.processes.impulse.process import Impulse
from hotcold.reporting.page import live, rendering
from hotcold.reporting.reading.results import read_model
from hotcold.reporting.text import templates
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, validate
from hotcold.samplers.cold import sampler as cold
from hotcold.samplers.cold.params import Cold
from hotcold.samplers.ddim import sampler as ddim
from hotcold.samplers.ddim.params import DDIM
from hotcold.sampling.predictors import Predict, guided

UNET = NETWORKS["unet"] | {"channels": (8, 16, 24)}
BLOCKS = {
    "generate": {
        "degradation": {"kind": "gaussian", "schedule": "cosine", "T": 50},
        "network": UNET | {"classes": 10, "predicts": "v"},
    },
    "restore": {
        "degradation": {"kind": "impulse", "rho": (0.0, 0.5), "T": 12},
        "network": UNET | {"predicts": "x_0"},
    },
}
TEXT = "# A\n\n## B\n\n:::: live generate\n::::\n\n:::: live restore\n::::\n"
TOLERANCE, ONCE = 5e-5, 1e-5  # of pixels: on a path, and after one evaluation
SHAPE = (1, 1, 28, 28)


def with_stored_weights(model: DiffusionModel) -> DiffusionModel:
    """The same model with its weights as the page has them."""
    for weight in model.module.parameters():
        if weight.ndim > 1:
            scale, whole = live.rounded(weight.data)
            weight.data = (scale.float() * whole.float().flatten(1).T).T.reshape(weight.shape)
        else:
            weight.data = weight.data.half().float()
    return model


@pytest.fixture(scope="module")
def models() -> dict[str, DiffusionModel]:
    """Untrained models of both live figures."""
    torch.manual_seed(0)
    return {kind: DiffusionModel.build(block) for kind, block in BLOCKS.items()}


@pytest.fixture(scope="module")
def page(models: dict[str, DiffusionModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = {"model": "model0", "guidance": 2.0}
    running = {kind: live.described(model) | names for kind, model in models.items()}
    return write(tmp_path_factory.mktemp("live") / "page.html", running)


def write(path: Path, running: dict[str, Any]) -> Path:
    """A page with both live figures."""
    frame = templates.environment(ROOT / paths.TEMPLATES).get_template("page.html.j2")
    html = rendering.render(TEXT, path.parent, frame, {}, running, document="report", scores={})
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SCREEN)
    browser.get(page.as_uri())
    return browser


RUN = """
    const [kind, starts, whole, done] = arguments;
    const content = (id) => document.getElementById(id).textContent;
    const worker = new Worker(URL.createObjectURL(new Blob([content("live-worker")])));
    const runs = starts.map(() => []);
    let run = 0;
    worker.onmessage = ({ data }) => {
        if (!data.ready) {
            if (whole || !data.t) runs[run].push(Object.fromEntries(Object.entries(data).map(
                ([key, value]) => [key, ArrayBuffer.isView(value) ? [...value] : value])));
            if (data.t) return worker.postMessage({ run });
            if (++run === runs.length) return done(runs);
        }
        worker.postMessage({ start: starts[run], run });
    };
    worker.postMessage({ model: content(`live-${kind}`), kernel: content("live-kernel") });
"""


def run_in_page(browser: Any, kind: str, **start: Any) -> list[dict[str, Any]]:
    """The states of a sampler in the page."""
    (states,) = browser.execute_async_script(RUN, kind, [start], True)
    return states


class PageNoise:
    """The random numbers of the page."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def number(self) -> float:
        mask = 0xFFFFFFFF
        self.state = (self.state + 0x6D2B79F5) & mask
        z = (self.state ^ self.state >> 15) * (self.state | 1) & mask
        z ^= (z + (z ^ z >> 7) * (z | 61)) & mask
        return (z ^ z >> 14) / 2**32

    def uniform(self, like: Tensor) -> Tensor:
        return torch.tensor([self.number() for _ in range(like.numel())]).double().view_as(like)

    def normal(self, like: Tensor) -> Tensor:
        pairs = ((self.number(), self.number()) for _ in range(like.numel()))
        values = [math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v) for u, v in pairs]
        return torch.tensor(values, dtype=torch.float64).view_as(like)


def predictor(model: DiffusionModel) -> Predict:
    """The predictions of a model whose network computes in float32 and its sampler in float64."""

    def predict(x_t: Tensor, t: int, label: Tensor | None = None) -> Tensor:
        output = model.output(x_t.float(), torch.tensor([t]), label).double()
        return model.prediction.estimate(model.process, output, x_t, t)

    return predict


def assert_equal(numbers: list[float], expected: Tensor, tolerance: float = TOLERANCE) -> None:
    difference = torch.tensor(numbers).double() - expected.double().flatten()
    assert difference.abs().max() <= tolerance


@pytest.mark.parametrize(("guidance", "eta"), [(0.0, 0), (1.0, 1), (2.5, 0), (2.5, 1)])
def test_ddim_in_the_page_goes_the_path_of_pytorch(
    opened: Any, models: dict[str, DiffusionModel], guidance: float, eta: int
) -> None:
    start = {"label": 7, "guidance": guidance, "steps": 9, "eta": eta, "seed": 5}
    states = run_in_page(opened, "generate", **start)
    compare_ddim(with_stored_weights(models["generate"]), states, start)


@torch.inference_mode()
def compare_ddim(
    model: DiffusionModel, states: list[dict[str, Any]], start: dict[str, Any]
) -> None:
    path: list[tuple[int, Tensor]] = []
    noise: Any = PageNoise(start["seed"])
    x_T = noise.normal(torch.zeros(SHAPE))
    sampler = DDIM(steps=start["steps"], eta=start["eta"], guidance=start["guidance"])
    double: Any = SimpleNamespace(predict=predictor(model), process=model.process)
    predict = guided(double, sampler, torch.tensor([start["label"]]))
    watch = lambda _, t, x: path.append((t, x))  # noqa: E731
    ddim.run(sampler, predict, model.process, Start(x_T, x_T), noise, watch)
    signal, std = model.process.scales(model.process.T)
    x_0 = (x_T - std * predict(x_T, model.process.T)) / signal
    assert_equal(states[1]["x_0"], x_0, ONCE)
    assert [state["t"] for state in states] == [t for t, _ in path]
    for state, (_, x) in zip(states, path, strict=True):
        assert_equal(state["x"], x)


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_the_cold_samplers_in_the_page_go_the_paths_of_pytorch(
    opened: Any, models: dict[str, DiffusionModel], share: float
) -> None:
    image = torch.linspace(-0.5, 0.5, 784).view(SHAPE)
    start = {"image": image.flatten().tolist(), "share": share, "seed": 3}
    states = run_in_page(opened, "restore", **start)
    compare_cold(with_stored_weights(models["restore"]), states, image, start)


@torch.inference_mode()
def compare_cold(
    model: DiffusionModel, states: list[dict[str, Any]], image: Tensor, start: dict[str, Any]
) -> None:
    process, predict = model.process, predictor(model)
    assert isinstance(process, Impulse)
    density = process.density[: states[0]["t"] + 1]
    assert 2 * density[-2] < start["share"] <= 2 * density[-1] + 1e-9
    process = Impulse(density)
    path: dict[str, list[Tensor]] = {"naive": [], "improved": []}
    noise: Any = PageNoise(start["seed"])
    u = noise.uniform(torch.zeros(SHAPE))
    begin = Start(process.degrade(image.double(), u, process.T), u)
    cold.naive(
        Cold(start="validation"),
        predict,
        process,
        begin,
        noise,
        lambda key, _, x: path[key].append(x),
    )
    cold.improved(predict, process, begin, lambda key, _, x: path[key].append(x))
    assert_equal(states[0]["degraded"], begin.x_T)
    assert_equal(states[0]["one_step"], predict(begin.x_T, process.T), ONCE)
    for key, expected in path.items():
        for state, x in zip(states, expected, strict=True):
            assert_equal(state[key], x)


def finished(browser: Any, box: Any) -> str:
    """What a live figure says when its run has ended."""
    WebDriverWait(browser, 60).until(lambda _: "Move the slider" in box.text)
    return box.find_element("css selector", "[role=status]").text


def lit(browser: Any, canvas: Any) -> int:
    """How many pixels of a picture are not black."""
    script = """
        const copy = new OffscreenCanvas(28, 28).getContext("2d");
        copy.drawImage(arguments[0], 0, 0);
        const pixels = copy.getImageData(0, 0, 28, 28).data;
        return pixels.filter((value, i) => i % 4 === 0 && value > 0).length;
    """
    return browser.execute_script(script, canvas)


def test_digits_are_asked_for_with_the_keyboard(opened: Any) -> None:
    box, _ = opened.find_elements("css selector", ".live")
    assert not box.find_elements("css selector", "canvas")  # nothing runs before it is asked for
    box.find_element("css selector", "button").send_keys(Keys.ENTER)
    assert "Digit 3 in 25 steps. model0" in finished(opened, box)
    digit = box.find_element("css selector", "select")
    digit.send_keys("8")
    _, steps, slider = box.find_elements("css selector", "[type=range]")
    steps.send_keys(Keys.HOME)
    run = next(b for b in box.find_elements("css selector", "button") if b.text == "Run")
    run.send_keys(Keys.SPACE)
    WebDriverWait(opened, 60).until(lambda _: "Digit 8 in 2 steps" in finished(opened, box))
    assert slider.get_attribute("aria-valuetext") == "t = 0"
    slider.send_keys(Keys.HOME)
    assert slider.get_attribute("aria-valuetext") == "t = 50"
    state, estimate = box.find_elements("css selector", "canvas")
    assert lit(opened, state) > 300
    assert lit(opened, estimate) == 0  # there is none before the first step
    assert opened.get_log("browser") == []


def test_a_digit_is_drawn_with_pointer_and_keyboard_and_restored(opened: Any) -> None:
    _, box = opened.find_elements("css selector", ".live")
    box.find_element("css selector", "button").click()
    assert "PSNR against your digit: one step" in finished(opened, box)
    sheet, *pictures = box.find_elements("css selector", "canvas")
    assert opened.switch_to.active_element == sheet
    keys = box.find_elements("css selector", "[tabindex], select, input, button")
    kinds = " ".join(e.get_attribute("type") or e.tag_name for e in keys)
    assert kinds.startswith("canvas select-one button range number button")  # draw, choose, run
    example = lit(opened, sheet)
    assert example > 40
    assert all(lit(opened, picture) for picture in pictures)
    buttons = {b.text: b for b in box.find_elements("css selector", "button")}
    buttons["Clear"].click()
    assert lit(opened, sheet) == 0
    buttons["Run"].click()
    assert "Draw a digit first" in box.text
    ActionChains(opened).click_and_hold(sheet).move_by_offset(0, 60).release().perform()
    drawn = lit(opened, sheet)
    assert drawn > 15
    sheet.send_keys(Keys.DELETE, Keys.SPACE, *[Keys.ARROW_DOWN] * 6)
    assert "Pen down at column 15, row 15." in box.text
    assert lit(opened, sheet) > 15
    buttons["Run"].click()
    assert "PSNR against your digit: one step" in finished(opened, box)
    wide = "return document.documentElement.scrollWidth"
    assert opened.execute_script(wide) <= SCREEN["width"]
    assert opened.get_log("browser") == []


def test_without_webassembly_no_button_is_there(browser: Any, page: Path) -> None:
    script = {"source": "delete globalThis.WebAssembly"}
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    browser.get(page.as_uri())
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    assert len(browser.find_elements("css selector", ".live")) == 2
    assert not browser.find_elements("css selector", ".live *")
    assert browser.get_log("browser") == []


def test_a_layer_that_the_page_lacks_gets_a_sentence() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Softmax(1))
    with pytest.raises(UserError, match="has no layer Softmax, which _1 needs"):
        list(live.layers(network))


@pytest.mark.slow
def test_the_kernel_is_what_its_source_gives(tmp_path: Path) -> None:
    folder = ROOT / paths.TEMPLATES / "live"
    source = (folder / "kernel.ts").read_text()
    command = re.sub(r" \\\n//", "", re.search(r"^// (npx (?:.*\\\n)*.*)", source, re.M)[1])
    if not shutil.which("npx") or subprocess.run(["npm", "ping"], capture_output=True).returncode:
        pytest.skip("no npm, or it does not reach its registry: AssemblyScript is needed")
    (tmp_path / "kernel.ts").write_text(source)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, timeout=300)
    assert (tmp_path / "kernel.base64").read_text() == (folder / "kernel.base64").read_text()
    assert base64.b64decode((folder / "kernel.base64").read_text()).startswith(b"\0asm")


@pytest.mark.slow
def test_the_trained_models_draw_and_restore_digits_in_the_page(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    if not paths.MODELS.exists():
        pytest.skip("no results: run dvc pull")
    blocks = validate(load(), Params).models
    running = live.figures(read_model(name, block) for name, block in blocks.items())
    browser.set_script_timeout(300)
    browser.get(write(tmp_path / "page.html", running).as_uri())
    starts = [
        {"label": k % 10, "guidance": 2.0, "steps": 25, "eta": k % 2, "seed": k} for k in range(50)
    ]
    runs = browser.execute_async_script(RUN, "generate", starts, False)
    images = torch.tensor([states[0]["x"] for states in runs]).view(-1, *SHAPE[1:])
    digits = Classifier.load().eval()(images.clamp(-0.5, 0.5)).logits.argmax(1)
    assert (digits == torch.arange(50) % 10).sum() >= 48

    def trained(kind: str) -> DiffusionModel:
        return with_stored_weights(DiffusionModel.load(paths.weights(running[kind]["model"])))

    compare_ddim(trained("generate"), run_in_page(browser, "generate", **starts[3]), starts[3])
    image = images[4:5].contiguous()
    start = {"image": image.flatten().tolist(), "share": 0.7, "seed": 0}
    states = run_in_page(browser, "restore", **start)
    t = torch.tensor([state["t"] for state in states[:-1]])
    error = {}
    for key in ("naive", "improved"):  # the naive sampler amplifies rounding on its path, too
        x = torch.tensor([state[key] for state in states]).view(-1, *SHAPE[1:])
        with torch.inference_mode():
            estimates = trained("restore").output(x[:-1], t)
        assert_equal(
            [pixel for state in states[1:] for pixel in state[f"{key}_x_0"]], estimates, ONCE
        )
        error[key] = float((x[-1] - image[0]).square().mean())
    assert error["improved"] < error["naive"] / 4

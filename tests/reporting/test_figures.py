"""Drawing: intervals, tiles, films and colours; multiply-adds."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from conftest import ROOT
from examples import NETWORKS, PROCESSES
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.stats import binomtest
from torch.utils.flop_counter import FlopCounterMode

from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_design
from hotcold.reporting.figures import degradations, images, step_study, style
from hotcold.reporting.figures.flops import multiply_adds
from hotcold.reporting.reading.intervals import wilson
from hotcold.reporting.reading.sources import MEDIA
from hotcold.runtime import paths


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    """The style of the report; figures are closed afterwards."""
    with plt.rc_context():
        style.use(ROOT / paths.STYLE)
        yield
    plt.close("all")


def test_the_style_does_not_depend_on_a_matplotlibrc() -> None:
    expected = dict(plt.rcParams)
    with plt.rc_context({"lines.linewidth": 9.0, "figure.facecolor": "red"}):
        style.use(ROOT / paths.STYLE)
        assert dict(plt.rcParams) == expected


def test_wilson_intervals_agree_with_scipy() -> None:
    counts = np.array([0, 1, 37, 100])
    low, high = wilson(counts, 100)
    for i, count in enumerate(counts):
        expected = binomtest(int(count), 100).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_frames_are_below_each_other_and_transparent_between_images() -> None:
    frames = np.linspace(0, 255, 5).astype(np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 28, 28), np.uint8
    )
    with Image.open(io.BytesIO(style.encode_frames(frames, columns=2))) as image:
        assert image.size == (2 * 28 + style.GAP, 5 * (2 * 28 + style.GAP))
        pixels = np.asarray(image.convert("RGBA"))
    assert pixels[28, 0, 3] == 0  # the gap below the first image
    for k in range(5):
        row = k * (2 * 28 + style.GAP)
        assert pixels[row, 0, 3] == 255
        assert abs(int(pixels[row, 0, 0]) - 255 * k / 4) <= 255 / (style.GREYS - 1) / 2 + 1


def test_pictures_in_an_svg_keep_their_grey_levels() -> None:
    levels = np.arange(0, 255, dtype=np.uint8)[: 14 * 18].reshape(14, 18)
    figure, axis = plt.subplots()
    style.show(axis, np.ma.masked_equal(levels, 7))
    svg = style.vectorise(figure).decode()
    (embedded,) = re.findall(style.EMBEDDED, svg)
    with Image.open(io.BytesIO(base64.b64decode(embedded))) as image:
        pixels = np.asarray(image.convert("LA"))
    shown = pixels[..., 1] > 0
    difference = pixels[..., 0][shown].astype(int) - levels[levels != 7]
    assert np.abs(difference).max() <= 1  # rounded twice
    assert (~shown).sum() == 1
    assert "prefers-color-scheme: dark" in svg


def test_where_a_model_draws_no_digit_the_paper_is_seen() -> None:
    drawn = images.draw_digits(np.zeros((1, 28, 28), np.uint8), [{"digit": "3"}], 1)
    (embedded,) = re.findall(style.EMBEDDED, style.vectorise(drawn).decode())
    with Image.open(io.BytesIO(base64.b64decode(embedded))) as image:
        assert 0.09 < (np.asarray(image.convert("LA"))[..., 1] > 0).mean() < 0.11


def test_a_legend_names_only_what_is_drawn() -> None:
    figure, axes = style.panels(2, 2, 2.0)
    axes[0].plot([1, 2], label="training")
    axes[1].plot([1, 2], label="training")
    style.add_legend(figure, axes)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["training"]


def decoded(pixels: np.ndarray) -> tuple[str, np.ndarray]:
    """The mode of the PNG of pixels, and the pixels that it has."""
    with Image.open(io.BytesIO(style.encode(pixels))) as image:
        return image.mode, np.asarray(image.convert("RGB"))


def test_grey_images_are_kept_exactly_without_colour() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (40, 50, 1), dtype=np.uint8).repeat(3, axis=2)
    mode, pixels = decoded(grey)
    assert mode == "L"
    assert np.array_equal(pixels, grey)


def test_a_figure_of_lines_has_a_palette_and_looks_the_same() -> None:
    figure, axes = plt.subplots()
    for i in range(10):
        axes.plot(np.sin(np.arange(30) / (i + 1)), marker="o", label=str(i))
    axes.legend()
    drawn = style.rasterise(figure, 100)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 256
    mode, pixels = decoded(drawn)
    assert mode == "P"
    assert np.abs(pixels.astype(int) - drawn).max() <= 20
    assert np.array_equal(pixels[drawn.min(-1) == 255], drawn[drawn.min(-1) == 255])  # paper


def test_every_colour_is_seen_on_a_dark_page() -> None:
    page = luminance("#15181c")
    shown = set(style.colours([*"abcdefghijkl"]).values())
    assert len(shown) == 12
    for colour in shown - {"#444444"}:  # there, it is light
        assert (luminance(colour) + 0.05) / (page + 0.05) >= 3, colour


def luminance(colour: str) -> float:
    """The relative luminance of a colour, as WCAG 2 defines it."""
    red, green, blue = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_model_keeps_its_colour_when_another_is_added() -> None:
    few, many = style.colours(["a", "b"]), style.colours([*"abcdefghij"])
    assert {name: many[name] for name in few} == few
    assert len(many) == 10


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("model1", ["1.000", "0.970", "0.895", "0.522", "0.078", "0.003", "4.1·10⁻⁵"]),
        ("model3", ["clean", "0.063", "0.100", "0.150", "0.200", "0.237", "0.250"]),
    ],
)
def test_states_are_those_of_figures_1_and_8(
    model: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps, and the values that are printed under them."""
    monkeypatch.chdir(ROOT)
    published: Any = SimpleNamespace(design=read_design(model))
    image = torch.full((1, 1, 28, 28), 100, dtype=torch.uint8)
    states, captions = degradations.degrade(published, image, seed=1)
    assert captions == expected
    degradation = published.design.degradation
    assert degradation.shown[-1] == degradation.T - 1  # the last step where t counts from 0
    assert (states == 100).all((1, 2)).tolist() == [True, *6 * [False]]


def test_states_have_numbers_of_one_form() -> None:
    assert [degradations.caption(value, is_share=True) for value in (5e-4, 3.51e-8)] == [
        *("0.001", "3.5·10⁻⁸")
    ]
    assert degradations.caption(20.0, is_share=False) == "20"


def test_each_setting_of_a_step_study_has_its_own_marker() -> None:
    rates = [{"eta": eta} for eta in (0.0, 0.5, 1.0)]
    rates += [{"eta": 0.0, "churn": churn} for churn in (2.0, 5.0, 10.0, 20.0)]
    entry = {"kind": "categorical", "steps": 20, "evaluations": 20, "fid": 3.0}
    study = [entry | each for each in rates]
    _, axis = plt.subplots()
    model: Any = SimpleNamespace(step_study=study)
    step_study.draw_settings(axis, study, "fid", step_study.styles([model]))
    markers = {container.get_label(): container[0].get_marker() for container in axis.containers}
    assert len(set(markers.values())) == len(markers) == 7
    assert {"η = 0", "churn = 20"} <= set(markers)


def test_fifty_models_with_long_names_have_colours_and_figures_of_their_own() -> None:
    models: list[Any] = [SimpleNamespace(name="m" * 60 + str(k), step_study=[]) for k in range(50)]
    assert len(set(style.colours([model.name for model in models]).values())) == 50
    entry = {"kind": "ddim", "steps": 20, "eta": 0.0, "evaluations": 20, "fid": 3.0}
    for model in models:
        model.step_study = [entry | {"eta": k / 2} for k in range(3)]
        model.scores = {"validation_fid": 2.0}
    gallery = style.Gallery(100, [model.name for model in models])
    gallery.add("steps", step_study.draw_study(models))
    with Image.open(io.BytesIO(gallery.files[paths.FIGURES / "steps.png"])) as image:
        assert image.height < 4000
    texts = re.findall("<text.*?>(.*?)</text>", gallery.files[MEDIA / "steps.svg"].decode())
    assert sum(text.startswith("m" * 8 + "…") for text in texts) == 50
    assert degradations.listed(models) == f"{models[0].name} and 49 others"


def test_a_legend_of_many_leaves_the_panels_their_height() -> None:
    figure, axes = style.panels(2, 2, 2.0)
    for k in range(50):
        axes[0].plot([1, 2], label="m" * 30 + f"{k}" + "m" * 30)  # all are shortened alike
    style.add_legend(figure, axes)
    figure.draw_without_rendering()
    assert len(figure.legends[0].get_texts()) == 50
    legend = figure.legends[0].get_window_extent()
    assert figure.bbox.containsx(legend.x0) and figure.bbox.containsx(legend.x1)
    assert axes[0].bbox.height > 100
    assert axes[0].bbox.y1 < legend.y0


@pytest.mark.parametrize(
    ("process", "network"),
    [
        ("linear", {"kind": "cnn", "hidden": (2, 3), "predicts": "eps"}),
        ("linear", {"kind": "unet", "channels": (8, 16, 24), "predicts": "v"}),
        ("masked", NETWORKS["unet"] | {"predicts": "categorical"}),
    ],
)
def test_multiply_adds_are_those_that_pytorch_counts(process: str, network: dict[str, Any]) -> None:
    block = {"degradation": PROCESSES[process], "network": network}
    model = DiffusionModel.build(block)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.predict(torch.zeros(1, 1, 28, 28), 1)
    assert multiply_adds(block) == counter.get_total_flops() // 2

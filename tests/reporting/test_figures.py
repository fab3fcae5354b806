"""Drawing: intervals, tiles, films and colours."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from scipy.stats import binomtest

from diffusion.reporting import style
from diffusion.reporting.figures.classes import wilson
from diffusion.reporting.figures.film import encode_film
from diffusion.runtime import paths


def test_wilson_intervals_agree_with_scipy() -> None:
    counts = np.array([0, 1, 37, 100])
    low, high = wilson(counts, 100)
    for i, count in enumerate(counts):
        expected = binomtest(int(count), 100).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_images_are_tiled_row_by_row() -> None:
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1) * np.ones((3, 2, 2), np.uint8)
    canvas = style.tile(images, columns=2, gap=1)
    assert canvas.tolist() == [
        [0, 0, 255, 1, 1],
        [0, 0, 255, 1, 1],
        [255, 255, 255, 255, 255],
        [2, 2, 255, 255, 255],
        [2, 2, 255, 255, 255],
    ]


def test_a_film_has_all_frames_and_holds_the_last() -> None:
    grid = np.linspace(0, 255, 5).astype(np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 28, 28), np.uint8
    )
    with Image.open(io.BytesIO(encode_film([grid, grid], columns=2, seconds=1))) as film:
        assert film.n_frames == 5
        assert film.height == 2 * 28 + 2
        film.seek(4)
        assert film.info["duration"] == 2000
        assert np.asarray(film.convert("L"))[0, 0] == 255


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
    with plt.rc_context():
        style.use_style(ROOT / paths.STYLE)
        figure, axes = plt.subplots()
        for i in range(10):
            axes.plot(np.sin(np.arange(30) / (i + 1)), marker="o", label=str(i))
        axes.legend()
        drawn = style.rasterise(figure, 100)
        plt.close(figure)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 256
    mode, pixels = decoded(drawn)
    assert mode == "P"
    assert np.abs(pixels.astype(int) - drawn).max() <= 20
    assert np.array_equal(pixels[drawn.min(-1) == 255], drawn[drawn.min(-1) == 255])  # paper


def test_a_model_keeps_its_colour_when_another_is_added() -> None:
    with plt.rc_context():
        style.use_style(ROOT / paths.STYLE)
        few, many = style.colours(["a", "b"]), style.colours([*"abcdefghij"])
    assert {name: many[name] for name in few} == few
    assert len(many) == 10

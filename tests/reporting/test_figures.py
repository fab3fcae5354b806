"""Drawing: intervals, tiles, films and colours."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from scipy.stats import binomtest

from diffusion.reporting import style
from diffusion.reporting.figures.classes import wilson
from diffusion.reporting.figures.film import save_film
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


def test_a_film_has_all_frames_and_holds_the_last(tmp_path: Path) -> None:
    grid = np.linspace(0, 255, 5).astype(np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 28, 28), np.uint8
    )
    save_film(tmp_path / "film.png", [grid, grid], columns=2, seconds=1)
    with Image.open(tmp_path / "film.png") as film:
        assert film.n_frames == 5
        film.seek(4)
        assert film.info["duration"] == 2000
        assert np.asarray(film.convert("L"))[0, 0] == 255


def test_a_model_keeps_its_colour_when_another_is_added() -> None:
    with plt.rc_context():
        style.use_style(ROOT / paths.STYLE)
        few, many = style.colours(["a", "b"]), style.colours([*"abcdefghij"])
    assert {name: many[name] for name in few} == few
    assert len(many) == 10

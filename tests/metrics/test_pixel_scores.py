"""Haze and stray strokes are seen."""

import pytest
import torch

from hotcold.metrics.pixels import INK, pixel_scores


def test_haze_lowers_the_share_of_zeros_and_strays_add_components() -> None:
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 5:20, 10:14] = 200
    clean = pixel_scores(images)
    assert clean == {"zeros": pytest.approx(1 - 15 * 4 / 784), "components": 1}
    hazy = images + (images == 0) * (INK - 1)
    assert pixel_scores(hazy) == {"zeros": 0, "components": 1}
    images[0, 0, 0, 0] = images[1, 0, 27, 27] = 255
    assert pixel_scores(images)["components"] == 1.5


def test_components_connect_diagonally_and_not_between_images() -> None:
    images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    images[0, 0, 3, 3] = images[0, 0, 4, 4] = 255
    images[1, 0, 4, 4] = images[1, 0, 4, 6] = 255
    assert pixel_scores(images)["components"] == 3 / 2

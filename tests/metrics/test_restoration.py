"""Scores of restored images against closed forms and independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import torch

from diffusion.metrics.restoration import median_filter, psnr, restoration_scores, rmse, ssim


def test_psnr_agrees_with_its_closed_form() -> None:
    original = torch.full((3, 1, 28, 28), 100, dtype=torch.uint8)
    assert psnr(original + 10, original) == pytest.approx(20 * math.log10(255 / 10))


def test_ssim_of_an_image_with_itself_is_one(rng: torch.Generator) -> None:
    images = torch.randint(0, 256, (3, 1, 28, 28), generator=rng, dtype=torch.uint8)
    other = torch.randint(0, 256, (3, 1, 28, 28), generator=rng, dtype=torch.uint8)
    assert ssim(images, images) == pytest.approx(1)
    assert ssim(other, images) < 0.1


def test_median_filter_agrees_with_scipy(rng: torch.Generator) -> None:
    images = torch.randint(0, 256, (4, 1, 28, 28), generator=rng, dtype=torch.uint8)
    expected = scipy.ndimage.median_filter(images.numpy(), size=(1, 1, 3, 3), mode="nearest")
    assert np.array_equal(median_filter(images).numpy(), expected)


def test_restoration_scores_contain_all_three_by_name(rng: torch.Generator) -> None:
    original = torch.full((2, 1, 28, 28), 100, dtype=torch.uint8)
    image = torch.randint(0, 256, original.shape, generator=rng, dtype=torch.uint8)
    assert restoration_scores(image, original) == {
        "psnr": psnr(image, original),
        "ssim": ssim(image, original),
        "rmse": rmse(image, original),
    }
    assert rmse(original + 51, original) == pytest.approx(0.2)

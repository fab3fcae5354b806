"""Scores of restored images against closed forms and independent computations."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from numpy.lib.stride_tricks import sliding_window_view

from hotcold.metrics.restoration import median_filter, psnr, restoration_scores, ssim


def test_psnr_agrees_with_its_closed_form() -> None:
    original = torch.full((3, 1, 28, 28), 100, dtype=torch.uint8)
    images = original.clone()
    images[0] += 10
    images[1, 0, 0, 0] += 1  # the smallest error of an image of this size
    above_peak = [-20, 10 * math.log10(784), 30]  # of the third image: instead of inf
    expected = 20 * math.log10(255) + sum(above_peak) / 3
    assert psnr(images, original) == pytest.approx(expected)


def test_ssim_agrees_with_the_definition_over_the_valid_window(rng: torch.Generator) -> None:
    """Equation 13 of Wang et al. at every position of the window that lies in the image."""
    a = torch.randint(0, 256, (2, 1, 28, 28), generator=rng, dtype=torch.uint8)
    b = (a.float() * 0.7 + 20 * torch.rand(a.shape, generator=rng)).to(torch.uint8)
    b[..., :4] = 255  # at the border, which mirroring would count more often
    bell = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2
    x, y = (sliding_window_view(z[:, 0].numpy() / 255, (11, 11), (1, 2)) for z in (a, b))
    mean = lambda z: (window * z).sum((3, 4))  # noqa: E731
    mx, my = mean(x), mean(y)
    variances, covariance = mean(x**2) + mean(y**2) - mx**2 - my**2, mean(x * y) - mx * my
    similar = (2 * mx * my + 1e-4) * (2 * covariance + 9e-4)
    found = similar / ((mx**2 + my**2 + 1e-4) * (variances + 9e-4))
    assert ssim(a, b) == pytest.approx(np.mean(found), rel=1e-9)


def test_median_filter_agrees_with_scipy(rng: torch.Generator) -> None:
    images = torch.randint(0, 256, (4, 1, 28, 28), generator=rng, dtype=torch.uint8)
    expected = scipy.ndimage.median_filter(images.numpy(), size=(1, 1, 3, 3), mode="nearest")
    assert np.array_equal(median_filter(images).numpy(), expected)


def test_restoration_scores_contain_all_three_by_name() -> None:
    original = torch.full((2, 1, 28, 28), 100, dtype=torch.uint8)
    image = original.clone()
    image[0] += 51
    assert restoration_scores(image, original) == {
        "psnr": psnr(image, original),
        "ssim": ssim(image, original),
        "rmse": pytest.approx(0.1),  # the mean of 0.2 and 0
    }

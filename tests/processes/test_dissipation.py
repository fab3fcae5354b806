"""Blur with noise."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import kstest

from hotcold.models.process import blurred, build
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.dissipation.params import DissipationParams
from hotcold.processes.dissipation.process import Dissipation

BLOCK = {"kind": "dissipation", "std": (0.3, 20.0), "T": 50, "noise": 0.2}


def test_dissipation_is_blur_on_a_log_scale_plus_constant_noise(rng: torch.Generator) -> None:
    process, x_0 = build(BLOCK), torch.rand(40, 1, 28, 28, generator=rng) - 0.5
    std = process.schedule
    assert std[0] == 0
    torch.testing.assert_close(std[1:].log().diff(), std[1:].log().diff().mean().expand(49))
    assert (std[1].item(), std[-1].item()) == pytest.approx((0.3, 20))
    eps, steps = process.draw_noise(x_0, rng), torch.arange(40) + 1
    added = process.degrade(x_0, eps, steps) - blurred(x_0, std, steps)
    torch.testing.assert_close(added, 0.2 * eps, rtol=0, atol=1e-6)
    last = process.degrade(x_0, torch.zeros_like(x_0), 50)
    assert last.std((2, 3)).max() < 0.01  # nothing is left but the mean


def test_dissipation_starts_from_the_brightness_of_training_images(rng: torch.Generator) -> None:
    square = F.pad(torch.ones(20, 20), (4, 4, 4, 4))  # the blur counts edges less: it is brighter
    images = torch.rand(500, 1, 1, 1, generator=rng).pow(2) * square - 0.5
    process = build(Dissipation.fitted(BLOCK, images))
    noise, like = ChunkedNoise([4000], [rng]), torch.empty(4000, 1, 28, 28)
    x_T, behind = process.start(like, noise)
    grey = x_T - 0.2 * behind
    assert grey.std((2, 3)).max() < 1e-6
    shares = (grey[:, 0, 0, 0] + 0.5).clamp(0, 1).sqrt()
    at_T = process.degrade(images, torch.zeros_like(images), process.T).mean((1, 2, 3))
    known = (at_T + 0.5).sqrt()
    assert kstest(shares.numpy(), known.numpy()).pvalue > 0.001
    brighter = float((at_T.mean() + 0.5) / (images.mean() + 0.5))
    assert brighter > 1.05
    assert float((grey.mean() + 0.5) / (images.mean() + 0.5)) == pytest.approx(brighter, rel=0.03)
    nines: Any = SimpleNamespace(normal=lambda x: torch.full_like(x, 9.0))
    brightest = process.start(like[:1], nines).x_T - 0.2 * 9
    torch.testing.assert_close(brightest, at_T.max().expand(1, 1, 28, 28), rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match="quantiles of the mean brightness are not known"):
        build(BLOCK).start(like, noise)


@pytest.mark.parametrize("noise", [0, 0.1])
def test_dissipation_names_noise_only_if_it_has_some(noise: float) -> None:
    params = DissipationParams(kind="dissipation", std=(0.5, 20), noise=noise, T=10)
    assert ("plus noise" in params.start) == bool(noise)

"""Named streams of random numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from diffusion.models.degradations import Blur, Gaussian
from diffusion.models.schedules import linear_alpha_bar
from diffusion.runtime.rng import ChunkedNoise, Stream, derive

ELSEWHERE = torch.device("meta")  # a device without values, on every machine


def test_seed_of_a_stream_depends_on_seed_and_name() -> None:
    assert derive(1, "a", 2) == derive(1, "a", 2)
    assert len({derive(1, "a"), derive(2, "a"), derive(1, "b"), derive(1, "a", 0)}) == 4
    assert 0 <= derive(2**63 - 1, "x") < 2**63


def test_noise_is_drawn_on_the_cpu_and_moved_to_the_device_that_computes() -> None:
    stream = Stream(1, "sample", "model1", 10)
    assert stream.generator(0).device.type == "cpu"
    assert stream.generator(0).initial_seed() == derive(1, "sample", "model1", 10, 0)
    noise = ChunkedNoise([2, 1], [stream.generator(0), stream.generator(1)])
    for draw in (noise.normal, noise.uniform):
        assert draw(torch.empty(3, 1, 28, 28, device=ELSEWHERE)).device == ELSEWHERE


@pytest.mark.parametrize(
    "process", [Gaussian(linear_alpha_bar(1e-4, 0.02, 10)), Blur(torch.linspace(0, 3, 4))]
)
def test_noise_of_a_process_follows_its_generator(process: Gaussian | Blur) -> None:
    def draw(device: str) -> Tensor:
        g = torch.Generator().manual_seed(0)
        return process.draw_noise(torch.empty(2, 1, 28, 28, device=device), g)

    assert draw("meta").device == ELSEWHERE
    assert torch.equal(draw("cpu"), draw("cpu"))

"""What every process has, whatever its kind."""

import itertools

import pytest
import torch
from conftest import build_process
from examples import PROCESSES
from torch import Tensor

from hotcold.models import process as processes
from hotcold.models.process import Process

every_process = pytest.mark.parametrize(
    "process", [*map(build_process, PROCESSES)], ids=[*PROCESSES]
)


def bumps(count: int) -> Tensor:
    """Images of a bright spot with soft edges, on grey levels of all processes."""
    bump = torch.exp(-((torch.arange(28) - 11.0) ** 2) / 20)
    return ((bump[:, None] * bump * 3).round() / 3 - 0.5).expand(count, 1, 28, 28)


@every_process
def test_t_0_is_the_clean_image_and_detail_is_lost(process: Process, rng: torch.Generator) -> None:
    x_0 = bumps(4)
    noise = process.draw_noise(x_0, rng)
    states = [process.degrade(x_0, noise, t) for t in range(process.T + 1)]
    torch.testing.assert_close(states[0], x_0)
    errors = [(x - x_0).square().mean().item() for x in states]
    assert all(a < b for a, b in itertools.pairwise(errors))
    torch.testing.assert_close(process.degrade(x_0, torch.zeros_like(x_0), 0), x_0)


@every_process
def test_every_image_has_its_own_t(process: Process, rng: torch.Generator) -> None:
    x_0, t = bumps(4), torch.tensor([0, 1, 2, process.T])
    noise = process.draw_noise(x_0, rng)
    batch = process.degrade(x_0, noise, t)
    for i in range(4):
        single = process.degrade(x_0[i : i + 1], noise[i : i + 1], int(t[i]))
        torch.testing.assert_close(batch[i : i + 1], single)


@every_process
def test_noise_follows_its_generator_and_the_device_of_the_images(process: Process) -> None:
    def draw(device: str) -> Tensor:
        g = torch.Generator().manual_seed(0)
        return process.draw_noise(torch.empty(2, 1, 28, 28, device=device), g)

    assert draw("meta").device == torch.device("meta")
    assert torch.equal(draw("cpu"), draw("cpu"))


@every_process
def test_schedule_is_copied_to_the_device_once(process: Process) -> None:
    """A copy in each step would make the CPU wait for the device in each step."""
    x_0, t = torch.zeros(2, 1, 28, 28), torch.tensor([1, process.T])
    process.degrade(x_0, x_0, t)
    copies = processes.on_device.cache_info().misses
    process.degrade(x_0, x_0, t)
    assert processes.on_device.cache_info().misses == copies


@every_process
def test_every_step_but_the_clean_image_is_described_in_words(process: Process) -> None:
    words = [process.remainder(t) for t in range(1, process.T + 1)]
    assert all(words)
    assert not any(character in text for text in words for character in "{}[]")

"""The tools that apply and describe models."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import TINY, prepare, run_stage
from PIL import Image
from torch import nn

from diffusion.models import degradations
from diffusion.models.fourier_conv import MIN_CHANNELS, FourierConv2d
from diffusion.models.model import build_network
from diffusion.reporting.flops import multiply_adds
from diffusion.runtime.errors import UserError
from stages import train
from tools import describe, generate, restore

Command = Callable[..., str]
COLD = degradations.build({"kind": "impulse", "rho": [0.05, 0.25], "T": 5})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model2 that generates and a model4 that restores."""
    folder = tmp_path_factory.mktemp("commands")
    prepare(folder)
    for name in TINY["models"]:
        run_stage(folder, train, name)
    return folder


@pytest.fixture
def command(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """command(generate, 'model2', '--images', '3') -> its output."""

    def run(module: ModuleType, *arguments: str) -> str:
        monkeypatch.chdir(trained)
        monkeypatch.setenv("DEVICE", "cpu")
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        module.main()
        return capsys.readouterr().out

    return run


def levels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_generate_draws_the_requested_number_of_images_and_equal_ones_for_equal_seeds(
    command: Command, tmp_path: Path
) -> None:
    def picture(*arguments: str) -> np.ndarray:
        path = tmp_path / "picture.png"
        command(generate, "model2", "--output", str(path), *arguments)
        return levels(path)

    first = picture("--images", "3", "--seed", "1")
    assert first.shape == (4 * (2 * 30 - 2), 4 * (2 * 30 - 2))  # two by two, enlarged
    assert (first[4 * 30 :, 4 * 30 :] == 255).all()  # the fourth place is empty
    assert (picture("--images", "3", "--seed", "1") == first).all()
    assert (picture("--images", "3", "--seed", "2") != first).any()
    assert (picture("--images", "3", "--seed", "1", "--steps", "2") != first).any()
    printed = command(generate, "model2", "--images", "1", "--output", str(tmp_path / "one.png"))
    seed = printed.split("--seed ")[1].strip()
    random = levels(tmp_path / "one.png")
    assert (picture("--images", "1", "--seed", seed) == random).all()


def test_restore_shows_the_degraded_picture_and_three_restorations(
    command: Command, tmp_path: Path
) -> None:
    clean = np.zeros((28, 28), np.uint8)
    clean[8:20, 12:16] = 200
    Image.fromarray(clean).save(tmp_path / "clean.png")
    Image.fromarray(255 - clean).save(tmp_path / "dark.png")

    def panels(*arguments: str) -> list[np.ndarray]:
        command(restore, "model4", *arguments, "--output", str(tmp_path / "out.png"))
        canvas = levels(tmp_path / "out.png")[::4, ::4]
        return [canvas[:, 30 * k : 30 * k + 28] for k in range(4)]

    start, *restored = panels(str(tmp_path / "clean.png"))
    assert (start == clean).all()
    assert all((x != clean).any() for x in restored)
    inverted = panels(str(tmp_path / "dark.png"), "--invert")
    assert all((a == b).all() for a, b in zip(inverted, [start, *restored], strict=True))
    noisy, *_ = panels(str(tmp_path / "clean.png"), "--add-noise")
    replaced = noisy != clean
    assert 0.2 < replaced.mean() < 0.6  # half of the pixels, of which some were black already
    assert set(np.unique(noisy[replaced])) <= {0, 255}


def test_noise_behind_a_picture_degrades_an_image_to_it(rng: torch.Generator) -> None:
    x_0 = torch.rand(2, 1, 28, 28, generator=rng) * 0.9 - 0.45  # neither black nor white
    u = torch.rand(x_0.shape, generator=rng)
    x_T = COLD.degrade(x_0, u, COLD.T)
    other = torch.rand(x_0.shape, generator=rng)
    noise = restore.noise_behind(COLD, x_T, other)
    assert torch.equal(COLD.degrade(x_0, noise, COLD.T), x_T)
    assert ((noise >= 0) & (noise < 1)).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((generate, "model2", "--images", "0"), "--images is 0, must be in 1..10000"),
        ((generate, "model2", "--images", str(10**20)), "00000, must be in 1..10000"),
        ((generate, "model2", "--steps", "7"), "--steps is 7, must be in 1..6"),
        ((generate, "model2", "--eta", "2"), "--eta is 2.0, must be in 0..1"),
        ((generate, "model2", "--eta", "0.5"), "--eta is 0.5, must be absent without --steps"),
        ((generate, "model2", "--output", "x.jpg"), "--output is x.jpg, must end in .png"),
        ((generate, "model2", "--output", "no/x.png"), "there is no folder no"),
        ((generate, "model9"), "results/models/model9/best.safetensors is missing"),
        ((generate, "model4"), "model4 restores images"),
        ((restore, "model2", "picture.png"), "model2 generates images"),
        ((restore, "model4", "nothing.png"), "nothing.png does not exist"),
        ((restore, "model4", "params.yaml"), "params.yaml is not a picture"),
        ((restore, "model4", "large.png"), "has 30 x 28 pixels, must have 28 x 28"),
        ((describe, "model9"), "models.model9 is missing"),
    ],
)
def test_wrong_command_line_is_refused_in_one_sentence(
    command: Command, trained: Path, arguments: tuple, sentence: str
) -> None:
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(trained / "picture.png")
    Image.fromarray(np.zeros((28, 30), np.uint8)).save(trained / "large.png")
    with pytest.raises(UserError, match=re.escape(sentence)):
        command(*arguments)


def test_describe_prints_counts_that_follow_from_the_layers(command: Command) -> None:
    printed = command(describe, "model2")
    network = build_network({"kind": "cnn", "hidden": (2, 3)})
    assert f"parameters       {sum(p.numel() for p in network.parameters()):,}" in printed
    convolutions = 28 * 28 * (49 * 1 * 2 + 49 * 2 * 3 + 9 * 3 * 1)
    embedding = 32 * 128 + 2 * 128 * 128 + 128 * 2
    assert multiply_adds(network) == convolutions + embedding
    assert "signal-to-noise ratio" in printed
    assert "best after epoch 2" in printed
    assert "50.0% of the pixels are untouched" in command(describe, "model4")


@pytest.mark.parametrize(
    ("hidden", "expected"), [((4,), 9), ((4, 4, 4), 21), ((8, 8), 15), ((16, 32, 32, 16), 27)]
)
def test_receptive_field_follows_from_the_kernels_of_the_convolutions(
    hidden: tuple[int, ...], expected: int
) -> None:
    """Also of networks with enough channels for convolutions in the frequency domain, whose
    rounding reaches every pixel."""
    network = build_network({"kind": "cnn", "hidden": hidden})
    kernels = [m.kernel_size[0] for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert expected == 1 + sum(kernel - 1 for kernel in kernels)
    assert describe.receptive_field(network) == (expected, expected)


def test_gradients_in_the_frequency_domain_reach_further_by_rounding() -> None:
    """Why the receptive field is not computed with them."""
    layer = FourierConv2d(MIN_CHANNELS, MIN_CHANNELS, kernel_size=7, side=28)
    x = torch.zeros(1, MIN_CHANNELS, 28, 28, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0, 0, 14, 14], x)
    assert int(gradient.abs().amax((0, 1)).count_nonzero()) > 7 * 7


def test_receptive_field_of_the_unet_is_the_complete_image() -> None:
    network = build_network({"kind": "unet", "channels": (8, 8, 8)})
    assert describe.receptive_field(network) == (28, 28)

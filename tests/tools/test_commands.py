"""The tools that apply and describe models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import TINY, run_stage, write_params
from examples import GREY, MODELS, PROCESSES
from PIL import Image

from hotcold.commands import describe, generate, pictures, restore, samplers
from hotcold.models import process
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.numerics.rng import Stream
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.samplers.ancestral.params import Ancestral
from hotcold.samplers.categorical.params import Categorical
from hotcold.samplers.cold.params import Cold
from hotcold.samplers.ddim.params import DDIM
from hotcold.sampling.bases import Autoguidance, SamplerParams
from hotcold.sampling.draw import DrawOptions, draw
from stages import train

Command = Callable[..., str]
NOISE = TINY["models"]["model4"] | {"degradation": {"kind": "impulse", "rho": [0.0, 0.5], "T": 5}}
LABELLED = MODELS["labels"] | {"training": {"learning_rate": 1.0e-3, "label_dropout": 0.1}}
GUIDED = DDIM(steps=4, eta=0.5, guidance=2.0)


@pytest.fixture(scope="module")
def trained(prepared: Path) -> Path:
    """A folder with a model2 that generates, a model4 that restores, and a cold model7 that starts
    from noise alone."""
    for name in TINY["models"]:
        run_stage(prepared, train, name)
    further = {"model7": NOISE, "asked": LABELLED}
    write_params(prepared, models=TINY["models"] | further | {"new": NOISE})
    for name, values in further.items():
        model = DiffusionModel.build(values)
        model.save(prepared / paths.weights(name), torch.float32, epoch=1, validation_loss=0.1)
    return prepared


@pytest.fixture
def command(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """command(generate, 'model2', '--images', '3') -> its output."""

    def run(module: ModuleType, *arguments: str) -> str:
        monkeypatch.chdir(trained)
        module.main(list(arguments), standalone_mode=False)
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


@pytest.mark.parametrize(
    ("name", "options", "digits", "sampler"),
    [
        ("asked", "", [0, 1, 2], GUIDED),
        ("asked", "--digit 7", [7, 7, 7], GUIDED),
        ("asked", "--digit 7 --guidance 1", [7] * 3, GUIDED.model_copy(update={"guidance": 1.0})),
        ("model7", "", None, Cold(start="noise")),
    ],
)
def test_generate_draws_the_digit_that_is_asked_for_and_a_cold_model_from_noise_alone(
    command: Command,
    trained: Path,
    name: str,
    options: str,
    digits: list[int] | None,
    sampler: SamplerParams,
) -> None:
    rest = ("--images", "3", "--seed", "3", "--output", "drawn.png")
    printed = command(generate, name, *options.split(), *rest)
    assert f"3 images of {name}, epoch 1, {sampler.main_set}, " in printed
    model = DiffusionModel.load(trained / paths.weights(name))
    start, stream = torch.zeros(3, 1, 28, 28), Stream(3, "generate")
    dtype = DrawOptions(devices.dtype("auto", start.device))
    labels = None if digits is None else torch.tensor(digits)
    images = draw(model, start, sampler, stream, dtype, labels)[sampler.main_set]
    shown = levels(trained / "drawn.png")[::4, ::4]
    for i, image in enumerate(images[:, 0]):
        y, x = i // 2 * 30, i % 2 * 30
        assert (shown[y : y + 28, x : x + 28] == image.numpy()).all()


def test_settings_of_the_user_replace_those_of_the_block_of_a_model(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ancestral, in 6 steps; " in command(generate, "model2", "--images", "1")
    assert "ddim, in 2 steps with η = 1; " in command(generate, "model2", "--steps", "2")
    own = {"kind": "categorical", "steps": 50, "churn": 10.0}
    monkeypatch.chdir(tmp_path)
    params = tmp_path / "params.yaml"
    params.write_text(json.dumps({"models": {"m": {"sampler": own}}}))
    masked = DiffusionModel(lambda x, t: x, process.build(GREY | {"T": 60}), "categorical")
    hot = DiffusionModel(lambda x, t: x, process.build(PROCESSES["linear"] | {"T": 60}), "eps")
    for model, steps, fixed, expected in (
        (masked, 20, {}, Categorical(steps=20, churn=10.0)),
        (masked, 4, {}, Categorical(steps=4, churn=4.0)),
        (masked, 50, {"eta": 0.5}, Categorical(steps=50, eta=0.5)),
        (hot, 7, {}, DDIM(steps=7, eta=1.0)),
        (hot, 7, {"eta": 0.0, "clip": True}, DDIM(steps=7, clip=True)),
    ):
        assert samplers.choose("m", model, steps, fixed) == expected
    with pytest.raises(UserError, match="--clip must be absent: the sampler of m has no such"):
        samplers.choose("m", masked, 20, {"clip": True})
    hot.description |= {"model": "m", "epoch": 2}
    with pytest.raises(UserError, match=r"models\.m\.sampler does not fit the weights of m"):
        samplers.choose("m", hot, None, {})
    auto = Autoguidance(checkpoint=2, weight=2.0)
    for own, expected in (
        (DDIM(steps=3, autoguidance=auto), DDIM(steps=3)),
        (DDIM(steps=61), None),
        (DDIM(steps=3, guidance=2.0), None),  # without labels
    ):
        params.write_text(json.dumps({"models": {"m": {"sampler": own.model_dump()}}}))
        hot.description["model"] = "m" if expected else "other"
        assert samplers.choose("m", hot, None, {}) == (expected or Ancestral())


def test_restore_shows_the_picture_and_three_restorations(command: Command, tmp_path: Path) -> None:
    clean = np.zeros((28, 28), np.uint8)
    clean[8:20, 12:16] = 200
    Image.fromarray(clean).save(tmp_path / "clean.png")
    Image.fromarray(255 - clean).save(tmp_path / "dark.png")

    def panels(*arguments: str) -> list[np.ndarray]:
        said.append(command(restore, "model4", *arguments, "--output", str(tmp_path / "out.png")))
        picture = levels(tmp_path / "out.png")
        labels, canvas = picture[: pictures.LABEL], picture[pictures.LABEL :: 4, ::4]
        assert all((labels[:, 120 * k : 120 * k + 112] < 128).any() for k in range(4))
        return [canvas[:, 30 * k : 30 * k + 28] for k in range(4)]

    said: list[str] = []
    start, *restored = panels(str(tmp_path / "clean.png"))
    assert "clean.png has no impulse noise, and model4 expects it" in said[-1]
    assert (start == clean).all()
    assert all((x != clean).any() for x in restored)
    inverted = panels(str(tmp_path / "dark.png"), "--invert")
    assert all((a == b).all() for a, b in zip(inverted, [start, *restored], strict=True))
    noisy, *_ = panels(str(tmp_path / "clean.png"), "--add-noise")
    assert "warning" not in said[-1]
    replaced = noisy != clean
    assert 0.2 < replaced.mean() < 0.6  # half of the pixels, of which some were black already
    assert set(np.unique(noisy[replaced])) <= {0, 255}
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    assert (panels(str(tmp_path / "noisy.png"))[0] == noisy).all()
    assert "warning" not in said[-1]
    Image.fromarray(clean.repeat(3, 0).repeat(3, 1)).save(tmp_path / "large.png")
    panels(str(tmp_path / "large.png"), "--add-noise")
    assert "84 x 84 pixels, resized to 28 x 28" in said[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((generate, "model2", "--steps", "7"), "--steps is 7, must be in 1..6"),
        ((generate, "model2", "--eta", "0.5"), "--eta must be absent without --steps"),
        ((generate, "model2", "--clip"), "--clip must be absent without --steps"),
        ((generate, "model2", "--digit", "7"), "--digit must be absent: model2 has no labels"),
        (
            (generate, "asked", "--digit", "7", "--guidance", "0"),
            "absent with guidance 0",
        ),
        ((generate, "model2", "--guidance", "2"), "--guidance must be absent: model2 has no label"),
        ((generate, "model7", "--steps", "3"), "--steps is 3, must be absent: model7 uses all"),
        ((generate, "model2", "--steps", "2", "--eta", "nan"), "--eta is nan, must be a number"),
        ((generate, "new"), "results/models/new/best.safetensors is missing: run dvc repro"),
        ((generate, "model9"), "params.yaml: models.model9 is missing (did you mean 'model"),
        ((generate, "model2", "--checkpoint", "."), "best.safetensors is missing"),
        ((generate, "model2", "--checkpoint", "own.safetensors"), "own.safetensors is missing"),
        ((restore, "../../etc", "picture.png"), "params.yaml: models.../../etc is missing"),
        ((restore, "model4", "picture.png", "--output", "picture.png"), "is read, must be another"),
        ((generate, "model4"), "model4 restores images"),
        ((restore, "model2", "picture.png"), "model2 generates images"),
        ((restore, "model4", "nothing.png"), "nothing.png does not exist"),
        ((describe, "model9"), "models.model9 is missing"),
    ],
)
def test_wrong_command_line_is_refused_in_one_sentence(
    command: Command, trained: Path, arguments: tuple, sentence: str
) -> None:
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(trained / "picture.png")
    with pytest.raises(UserError, match=re.escape(sentence)):
        command(*arguments)


def test_weights_are_used_under_the_name_of_their_folder_or_from_any_file(
    command: Command, trained: Path
) -> None:
    """Without a block in params.yaml, and without an epoch."""
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(trained / "picture.png")
    model = DiffusionModel.load(trained / paths.weights("model4"))
    model.description.pop("epoch")
    model.save(trained / paths.weights("kept"), torch.float32)
    model.save(trained / "own.safetensors", torch.float32)
    assert "by kept, epoch unknown" in command(restore, "kept", "picture.png")
    options = ("--checkpoint", "own.safetensors")
    assert "by model4, epoch unknown" in command(restore, "model4", "picture.png", *options)


def test_describe_prints_counts_that_follow_from_the_layers(command: Command) -> None:
    printed = command(describe, "model2")
    module = DiffusionModel.build(TINY["models"]["model2"]).module
    assert f"parameters       {sum(p.numel() for p in module.parameters()):,}" in printed
    convolutions = 28 * 28 * (49 * 1 * 2 + 49 * 2 * 3 + 9 * 3 * 1)
    embedding = 32 * 128 + 2 * 128 * 128 + 128 * 2
    assert f"{(convolutions + embedding) / 1e6:,.1f} million" in printed
    assert "signal-to-noise ratio" in printed
    assert "after epoch 2" in printed
    assert "50.0% of the pixels are untouched" in command(describe, "model4")
    assert "model7 generates images: impulse degradation in 5 steps" in command(describe, "model7")

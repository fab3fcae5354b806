"""The check of a GPU, on a CPU with a stand-in for the graph, right and wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import TINY, prepare, run_stage
from torch import Tensor

from hotcold.numerics import checkpoints
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.training import step as step_module
from stages import sample, train
from tools.checks import gpu

Replay = Callable[[], Tensor]
MODELS = TINY["models"] | {
    "model6": {
        "degradation": {"kind": "impulse", "rho": [0.0, 0.5], "T": 5, "levels": 4},
        "network": {"kind": "unet", "channels": [8, 8, 8], "predicts": "categorical"},
        "training": {"learning_rate": 2.0e-3, "ema": 0.99, "warmup": 0.05},
        "sampler": {"kind": "categorical", "steps": 3},
    }
}


def right(function: Replay) -> Replay:
    """Runs the function again, into the memory of its first run, as a graph does."""
    value = function()
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    parameters = list(cells["step"].cell_contents.model.module.parameters())
    gradients = [parameter.grad for parameter in parameters]

    def replay() -> Tensor:
        new = function()
        for parameter, gradient in zip(parameters, gradients, strict=True):
            gradient.copy_(parameter.grad)
        return value.copy_(new)

    return replay


def stale(function: Replay) -> Replay:
    """Returns the loss of the first run for ever."""
    value = function()
    return lambda: value


def refused(function: Replay) -> Replay:
    raise RuntimeError("operation not permitted | when stream is capturing\nand more")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    prepare(folder)
    for name in MODELS:
        run_stage(folder, train, name, models=MODELS)
        run_stage(folder, sample, name, models=MODELS)
    (folder / paths.MNIST).rename(folder / "elsewhere")  # the check works without
    return folder


@pytest.fixture
def check(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    def run(capture: Callable[[Replay], Replay], *models: str) -> str:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("DEVICE", "cpu")
        monkeypatch.setattr(gpu, "DEVICE", "cpu")
        monkeypatch.setattr(step_module, "cuda_graph", capture)
        monkeypatch.setattr(torch, "compile", lambda module, **_: module)
        monkeypatch.setattr("sys.argv", ["gpu", *models, "--steps", "12"])
        gpu.main()
        return capsys.readouterr().out

    return run


def test_right_captures_and_recorded_images_agree(check: Callable[..., str]) -> None:
    printed = check(right)
    rows = [line[2:].split(" | ") for line in printed.splitlines() if line.startswith("| model")]
    assert [row[:2] for row in rows[1:]] == [
        ["model2", "losses of 10 compiled and captured steps"],
        ["model2", "6 images drawn again, ancestral"],
        ["model2", "time of a training step"],
        ["model4", "losses of 10 captured steps"],
        ["model4", "dropout of seeds 1, 2, 1"],
        ["model4", "6 images drawn again, improved"],
        ["model6", "losses of 10 captured steps"],
        ["model6", "6 images drawn again, categorical"],
    ]
    verdicts = {tuple(row[:2]): row[-1].removesuffix(" |") for row in rows[1:]}
    assert verdicts.pop(("model2", "time of a training step")) == ""
    assert set(verdicts.values()) == {"agrees"}
    assert printed.count("100.00 % of the pixels within 2 levels") == 3
    assert re.search(r"\d ms, reference [\d.]+ ms: [\d.]+ times", printed)


def test_capture_that_repeats_its_first_batch_disagrees(check: Callable[..., str]) -> None:
    sentence = "these checks disagree: model4, losses of 10 captured steps; model4, dropout of"
    with pytest.raises(UserError, match=sentence):
        check(stale, "model4")


def test_capture_that_fails_disagrees(
    check: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="these checks disagree: model6, losses"):
        check(refused, "model6")
    assert "operation not permitted / when stream is capturing | no error | **disagrees** |" in (
        capsys.readouterr().out
    )


def test_images_of_other_weights_disagree(check: Callable[..., str], folder: Path) -> None:
    path = folder / paths.weights("model4")
    kept = path.read_bytes()
    weights, description = checkpoints.load(path)
    checkpoints.save(path, {key: 1.5 * x for key, x in weights.items()}, description)
    with pytest.raises(UserError, match=r"disagree: model4, 6 images drawn again, improved$"):
        check(right, "model4")
    path.write_bytes(kept)


def test_machine_without_a_gpu_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr("sys.argv", ["gpu"])
    with pytest.raises(UserError, match="the device is cpu, must be cuda"):
        gpu.main()

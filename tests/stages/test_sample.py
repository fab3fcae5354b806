"""Checkpoints: which of them the stage sample uses, and what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import TINY, prepare, run_stage

from hotcold.numerics import checkpoints
from hotcold.runtime import paths
from stages import sample, train

UNET = {"kind": "unet", "channels": [8, 8, 8]}
MODELS = {
    "hot": {
        "degradation": {"kind": "gaussian", "schedule": "cosine", "T": 6},
        "network": UNET | {"predicts": "v"},
        "training": {"learning_rate": 1.0e-3, "ema": 0.9, "warmup": 0.1, "stratified_t": True},
        "sampler": {"kind": "ddim", "steps": 3, "eta": 0.0},
    },
    "levels": {
        "degradation": {"kind": "impulse", "rho": [0.0, 0.5], "T": 5, "levels": 4},
        "network": UNET | {"predicts": "categorical"},
        "training": {"learning_rate": 1.0e-3},
        "sampler": {"kind": "categorical", "steps": 5},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the weights of MODELS."""
    folder = tmp_path_factory.mktemp("sample")
    prepare(folder)
    for name in MODELS:
        run_stage(folder, train, name, models=TINY["models"] | MODELS)
    return folder


@pytest.mark.parametrize(
    ("epoch", "best", "last", "roles"),
    [
        (10, 5, 5, {1: [], 5: ["early", "best", "last"]}),
        (1, 4, 5, {1: ["early"], 4: ["best"], 5: ["last"]}),
        (3, 1, 5, {1: ["early", "best"], 5: ["last"]}),  # the earlier of two equally near epochs
    ],
)
def test_checkpoint_with_several_roles_is_sampled_once(
    tmp_path: Path, epoch: int, best: int, last: int, roles: dict[int, list[str]]
) -> None:
    for stem, number in (("epoch_001", 1), ("best", best), ("last", last)):
        checkpoints.save(tmp_path / f"{stem}.safetensors", {"w": torch.ones(1)}, {"epoch": number})
    by_epoch = sample.checkpoint_roles(tmp_path, epoch)
    assert {number: names for number, (_, names) in by_epoch.items()} == roles


def test_weights_describe_the_model_and_nothing_more(folder: Path) -> None:
    _, description = checkpoints.load(folder / paths.weights("hot", "last"))
    assert description["network"] == UNET | {"predicts": "v"}
    assert description["degradation"] == {"kind": "gaussian", "schedule": "cosine", "T": 6}
    weights, description = checkpoints.load(folder / paths.weights("levels", "last"))
    assert description["degradation"]["levels"] == len(weights["conv_out.weight"]) == 4
    run_stage(folder, train, "model2")
    _, description = checkpoints.load(folder / paths.weights("model2", "last"))
    assert set(description) == {"model", "network", "degradation", "epoch", "validation_loss"}
    assert description["network"] == TINY["models"]["model2"]["network"] | {"dropout": 0.0}


def test_kept_weights_are_the_ema(folder: Path) -> None:
    """After a short training the EMA is near the last weights, but not equal to them."""
    recipe = {key: value for key, value in MODELS["hot"]["training"].items() if key != "ema"}
    run_stage(folder, train, "plain", models={"plain": MODELS["hot"] | {"training": recipe}})
    averaged, _ = checkpoints.load(folder / paths.weights("hot", "last"))
    last, _ = checkpoints.load(folder / paths.weights("plain", "last"))
    assert averaged.keys() == last.keys()
    assert any(not torch.equal(averaged[name], last[name]) for name in last)
    assert all(torch.allclose(averaged[name], last[name], atol=0.02) for name in last)

"""The stage train: history, checkpoints, times and description; which of them are sampled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import TINY, run_stage

from hotcold.numerics import checkpoints
from hotcold.numerics.tables import read_csv, read_json
from hotcold.runtime import paths
from hotcold.training import fit
from stages import sample, train

Run = Callable[..., None]


@pytest.fixture
def run(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(module, 'model2', **{'training.epochs': 3}): one stage with other parameters."""
    monkeypatch.chdir(prepared)
    return partial(run_stage, prepared)


def history(name: str) -> list[dict[str, str]]:
    return read_csv(paths.history(name))


def seconds(name: str) -> list[float]:
    times = read_json(paths.TIMES / f"{name}.json")
    assert list(times) == ["seconds"]
    return times["seconds"]


def test_training_writes_history_checkpoints_times_and_hardware(run: Run) -> None:
    budget = {"training.epochs": 5, "training.batch_size": 12, "training.checkpoints": [1, 3, 10]}
    run(train, "model2", **budget)
    rows, models = history("model2"), paths.MODELS / "model2"
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    # Of 32 images, two batches of 12; the rest is dropped.
    assert [row["images"] for row in rows] == ["24", "48", "72", "96", "120"]
    assert {path.stem for path in models.glob("*.safetensors")} == {
        "epoch_001",
        "epoch_003",
        "best",
        "last",
    }
    losses = [float(row["validation_loss"]) for row in rows]
    _, best = checkpoints.load(paths.weights("model2"))
    assert best["epoch"] == 1 + losses.index(min(losses))
    assert best["validation_loss"] == pytest.approx(min(losses), abs=1e-7)
    assert set(best) == {"model", "network", "degradation", "epoch", "validation_loss"}
    assert best["network"] == TINY["models"]["model2"]["network"] | {"dropout": 0.0}
    assert best["degradation"] == {"kind": "gaussian", "beta": [0.01, 0.5], "T": 6}
    assert checkpoints.load(paths.weights("model2", "last"))[1]["epoch"] == 5
    metrics = {"validation_loss": pytest.approx(min(losses), abs=1e-7), "best_epoch": best["epoch"]}
    assert read_json(paths.metrics("train", "model2")) == {"model2": metrics}
    assert seconds("model2") == sorted(seconds("model2"))
    assert len(seconds("model2")) == 5
    assert read_json(paths.RECORDS / "train/model2.json")["precision"] in ("float32", "bfloat16")


def test_the_first_of_equal_epochs_is_the_best(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([0.5, 0.3, 0.3, 0.4])
    monkeypatch.setattr(fit, "validate", lambda *_: next(losses))
    run(train, "model2", **{"training.epochs": 4})
    assert checkpoints.load(paths.weights("model2"))[1]["epoch"] == 2
    metrics = {"validation_loss": 0.3, "best_epoch": 2}
    assert read_json(paths.metrics("train", "model2")) == {"model2": metrics}


def test_epochs_of_a_model_replace_those_of_all_models(run: Run) -> None:
    models = copy.deepcopy(TINY["models"])
    models["model2"]["training"]["epochs"] = 3
    run(train, "model2", **{"training.epochs": 2, "models": models})
    assert [row["epoch"] for row in history("model2")] == ["1", "2", "3"]
    assert len(seconds("model2")) == 3
    assert checkpoints.load(paths.weights("model2", "last"))[1]["epoch"] == 3


def test_kept_weights_are_the_trained_ones_rounded(run: Run) -> None:
    kept = {}
    for dtype in ("float32", "float16"):
        run(train, "model2", **{"training.weights": dtype})
        kept[dtype], _ = checkpoints.load(paths.weights("model2", "last"))
        assert {x.dtype for x in kept[dtype].values()} == {getattr(torch, dtype)}
    assert all(torch.equal(kept["float16"][name], x.half()) for name, x in kept["float32"].items())


def test_learning_rate_falls_on_a_plateau(run: Run) -> None:
    model4 = copy.deepcopy(TINY["models"]["model4"])
    model4["training"] = {"learning_rate": 1e-7, "plateau": {"factor": 0.5, "patience": 1}}
    run(train, "model4", **{"training.epochs": 6, "models": {"model4": model4}})
    rates = [float(row["learning_rate"]) for row in history("model4")]
    # Nothing improves: after two more epochs than the first one, the rate is halved.
    assert [rate / 1e-7 for rate in rates] == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25])


def test_kept_weights_are_the_ema(run: Run) -> None:
    """After a short training the EMA is near the last weights, but not equal to them."""
    kept = []
    for ema in ({"ema": 0.9}, {}):
        model2 = copy.deepcopy(TINY["models"]["model2"])
        model2["training"] |= {"warmup": 0.1, "stratified_t": True} | ema
        run(train, "model2", models={"model2": model2})
        kept.append(checkpoints.load(paths.weights("model2", "last"))[0])
    averaged, last = kept
    assert averaged.keys() == last.keys()
    assert any(not torch.equal(averaged[name], last[name]) for name in last)
    assert all(torch.allclose(averaged[name], last[name], atol=0.02) for name in last)


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

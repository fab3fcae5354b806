"""An interrupted stage continues after its last finished part and ends with the same bytes."""

from __future__ import annotations

import copy
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import ROOT, TINY, write_params

from hotcold.numerics import checkpoints
from hotcold.runs import resume
from hotcold.runtime import paths, startup
from hotcold.runtime.errors import UserError
from hotcold.sampling import draw
from hotcold.training import fit, loop
from stages import sample, train

Run = Callable[..., None]
MODELS = copy.deepcopy(TINY["models"])
MODELS["model4"]["training"] = {"learning_rate": 1e-7, "plateau": {"factor": 0.5, "patience": 0}}
BUDGET = {
    "training.epochs": 4,
    "training.checkpoints": [1, 3],
    "sampling.images": 210,  # three chunks
    "sampling.progress_images": 2,
    "models": MODELS,
}


class Killed(BaseException):
    """Simulates the end of the process: nothing in a stage catches it."""


@pytest.fixture
def folder(inside: Path, prepared: Path) -> Path:
    (inside / "data").symlink_to(prepared / "data")
    return inside


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(train, 'model4', **{'seed': 3}): one stage with other parameters."""

    def stage(module: Any, name: str, **overrides: Any) -> None:
        write_params(folder, **BUDGET | overrides)
        monkeypatch.setattr(sys, "argv", [module.__name__, name])
        module.main()

    return stage


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def trained(folder: Path, name: str) -> dict[str, bytes]:
    """All outputs of a training but its times."""
    others = [paths.history(name), paths.metrics("train", name)]
    files = {str(path): (folder / path).read_bytes() for path in others}
    return files | content(folder / paths.MODELS / name)


def kept(folder: Path) -> list[str]:
    return [p.name for p in (folder / paths.RESUME).iterdir()]


def kill_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int) -> Iterator[int]:
    """Replace a function by one that ends the process at that call; counts the calls."""
    original, calls = getattr(module, name), iter(range(1, 1000))

    def function(*arguments: Any, **named: Any) -> Any:
        if next(calls) == call:
            raise Killed
        return original(*arguments, **named)

    monkeypatch.setattr(module, name, function)
    return calls


@pytest.mark.parametrize("name", ["model2", "model4"])
def test_interrupted_training_continues_and_ends_with_the_same_bytes(
    run: Run,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(fit, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    run(train, name)
    expected = trained(folder, name)
    assert kept(folder) == []
    # In the first epoch; between two epochs; before the state of an epoch is on disk, although its
    # checkpoints are; after all epochs, before the outputs are in their places.
    for module, function, call, message in (
        (fit, "train_epoch", 1, None),
        (fit, "validate", 2, None),
        (fit, "train_epoch", 2, "continues after epoch 1 of 4"),
        (resume.ResumableRun, "save", 2, "continues after epoch 2 of 4"),
        (resume.shutil, "copytree", 1, "continues after epoch 3 of 4"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, module, function, call)
            with pytest.raises(Killed):
                run(train, name)
        printed = capsys.readouterr().out
        assert (message or "loss") in printed
        assert ("continues" in printed) == bool(message)
    run(train, name)
    assert "continues after epoch 4 of 4" in capsys.readouterr().out
    assert trained(folder, name) == expected
    assert kept(folder) == []
    seconds = json.loads((folder / paths.TIMES / f"{name}.json").read_text())["seconds"]
    assert seconds == [1, 2, 3, 4]  # one an epoch: the time between two runs does not count


@pytest.mark.parametrize("name", ["model2", "model4"])
def test_interrupted_sampling_continues_after_the_last_finished_chunk(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run(train, name)
    with pytest.MonkeyPatch.context() as patch:
        batches = kill_at(patch, draw, "draw_batch", 0)  # counts the calls only
        run(sample, name)
    expected = content(folder / paths.SAMPLES / name)
    assert "film.npz" in expected
    for call in (2, 3, 2):
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, draw, "draw_batch", call)
            with pytest.raises(Killed):
                run(sample, name)
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        calls = kill_at(patch, draw, "draw_batch", 0)
        run(sample, name)
    printed = capsys.readouterr().out
    assert name != "model2" or "model2 epoch 4: continues after 200 of 210 images" in printed
    assert next(calls) == next(batches) - 4  # which the three interrupted runs have finished
    assert content(folder / paths.SAMPLES / name) == expected
    assert kept(folder) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 43},
        {"training.batch_size": 8},
        {"precision": "bfloat16"},
        {"data.split_seed": 1},
        {"models": {"model4": MODELS["model4"] | {"training": {"learning_rate": 2e-7}}}},
    ],
)
def test_another_configuration_never_continues(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, fit, "train_epoch", 3)
        with pytest.raises(Killed):
            run(train, "model4", **{"precision": "float32"})
    run(train, "model4", **({"precision": "float32"} | changed))
    assert "continues" not in capsys.readouterr().out
    assert len(kept(folder)) == 2  # a folder and its lock, of the interrupted run


def test_stage_whose_dvc_has_ended_replaces_no_outputs(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(train, "model2")
    expected = content(folder / paths.MODELS / "model2")
    best = folder / paths.weights("model2")
    best.write_text("of a newer run")
    history = folder / paths.history("model2")
    history.write_text("also of a newer run")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(startup, "PARENT", 0)
        with pytest.raises(UserError, match="the dvc that started it has ended: run dvc repro"):
            train.main()
    assert best.read_text() == "of a newer run"
    assert history.read_text() == "also of a newer run"
    run(train, "model2")
    assert "continues after epoch 4 of 4" in capsys.readouterr().out
    assert content(folder / paths.MODELS / "model2") == expected


@pytest.mark.parametrize("stage", [train, sample])
def test_outputs_that_dvc_did_not_record_are_taken_and_not_computed_again(
    run: Run,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stage: Any,
) -> None:
    """As after Ctrl-C between the end of the stage and DVC's lock, or on a full disk."""
    monkeypatch.setenv("DVC_ROOT", str(folder))
    run(train, "model2")
    run(stage, "model2")
    out = folder / (paths.MODELS if stage is train else paths.SAMPLES) / "model2"
    expected = content(out)
    shutil.rmtree(out)  # as DVC does before it runs the stage again
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, fit, "train_epoch", 1)
        kill_at(patch, draw, "draw_batch", 1)
        run(stage, "model2")
    assert re.search("continues after (epoch 4 of 4|210 of 210 images)", capsys.readouterr().out)
    assert content(out) == expected
    kept_here = next((folder / paths.RESUME).glob(f"{stage.__name__.split('.')[1]}-*/finished"))
    outs = [{"path": k, "md5": v} for k, v in json.loads(kept_here.read_text()).items()]
    (folder / resume.LOCK).write_text(json.dumps({"stages": {"any": {"outs": outs}}}))
    run(stage, "model2")  # DVC has recorded them, so that this run is forced
    assert "continues" not in capsys.readouterr().out
    assert content(out) == expected
    for path in (folder / paths.RESUME).glob("*/finished"):
        os.utime(path, (1, 1))  # long ago
    run(train, "model2", seed=7)
    names = {name.rpartition("-")[0] for name in kept(folder)}
    assert names == {"train-model2"}
    assert len(kept(folder)) == 2  # a folder and its lock


@pytest.mark.parametrize("under_dvc", [True, False])
def test_history_is_in_its_place_during_training_under_dvc_and_not_after_a_failure(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, under_dvc: bool
) -> None:
    """Without DVC, the outputs of an earlier training would be mixed with it."""
    history, seen = folder / paths.history("model2"), []
    original = fit.train_epoch

    def train_epoch(*arguments: Any) -> float:
        seen.append(history.read_text().splitlines() if history.exists() else [])
        if len(seen) == 4:
            raise UserError("the fourth epoch fails")
        return original(*arguments)

    if under_dvc:
        monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.setattr(fit, "train_epoch", train_epoch)
    with pytest.raises(UserError, match="the fourth epoch fails"):
        run(train, "model2")
    assert [len(lines) for lines in seen] == ([0, 2, 3, 4] if under_dvc else [0, 0, 0, 0])
    assert not history.exists()
    run(train, "model2")  # continues after the third epoch
    assert len(seen[4]) == (4 if under_dvc else 0)
    lines = history.read_text().splitlines()
    assert len(lines) == 5
    assert not under_dvc or lines[:4] == seen[3]


def test_loss_that_is_not_a_number_keeps_the_last_good_state(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_pixels, calls = loop.to_pixels, iter(range(1, 100))

    def broken(images: torch.Tensor) -> torch.Tensor:
        # Two steps and a validation an epoch: the fifth call is step 2 of epoch 2.
        return to_pixels(images) * (float("nan") if next(calls) == 5 else 1)

    monkeypatch.setattr(loop, "to_pixels", broken)
    with pytest.raises(UserError, match="training loss of epoch 2 is nan from step 2 on: lower"):
        run(train, "model2")
    monkeypatch.setattr(loop, "to_pixels", to_pixels)
    assert not (folder / paths.MODELS).exists()
    state = next((folder / paths.RESUME).rglob("state.safetensors"))
    tensors, description = checkpoints.load(state)
    assert description["epoch"] == 1
    assert all(x.isfinite().all() for x in tensors.values())


@pytest.mark.slow
@pytest.mark.parametrize(("number", "when"), [(signal.SIGINT, "import"), (signal.SIGTERM, "epoch")])
def test_signal_ends_a_stage_with_one_line(folder: Path, number: signal.Signals, when: str) -> None:
    write_params(folder, **BUDGET | {"training.epochs": 100_000})
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train", "model2"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background ignores SIGINT.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stdout is not None
    if when == "epoch":
        while "epoch 2 of" not in process.stdout.readline():
            assert process.poll() is None
    else:
        time.sleep(0.5)
    process.send_signal(number)
    start = time.monotonic()
    _, printed = process.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert "Traceback" not in printed
    assert printed.strip() == f"stopped by {number.name}"
    assert process.returncode == 128 + number

"""Interrupted work goes on from its last finished part, and ends with the same bytes."""

from __future__ import annotations

import copy
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, TINY, write_fake_mnist, write_params

from diffusion import image_sets
from diffusion import mnist as data
from diffusion.models import cnn as network
from diffusion.runtime import checkpoints, errors, files, resume
from diffusion.runtime.errors import UserError
from diffusion.training.state import Learner
from stages import sample, train

Run = Callable[..., None]
MODELS = copy.deepcopy(TINY["models"])
MODELS["model4"] |= {"learning_rate": 1e-7, "plateau": {"factor": 0.5, "patience": 0}}
BUDGET = {
    "training.epochs": 4,
    "training.checkpoints": [1, 3],
    "sampling.images": 210,  # three chunks
    "sampling.progress_images": 2,
    "sampling.batch_size": 100,
    "models": MODELS,
}


class Killed(BaseException):
    """Stands for the end of the process: nothing in the stages catches it."""


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mnist")
    write_fake_mnist(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mnist").symlink_to(mnist)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


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


def kept(folder: Path) -> list[str]:
    return [p.name for p in (folder / "scratch/resume").iterdir()]


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
def test_training_goes_on_and_ends_with_the_same_bytes(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run(train, name)
    whole = content(folder / "results/models" / name)
    assert kept(folder) == []
    # In the first epoch; between two epochs; before an epoch's state is on disk, although its
    # checkpoints are; when all epochs are trained and nothing is published.
    for module, function, call, goes_on in (
        (train, "train_epoch", 1, None),
        (train, "validate", 2, None),
        (train, "train_epoch", 2, "goes on after epoch 1 of 4"),
        (resume.Work, "save", 2, "goes on after epoch 2 of 4"),
        (resume.shutil, "copytree", 1, "goes on after epoch 3 of 4"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, module, function, call)
            with pytest.raises(Killed):
                run(train, name)
        printed = capsys.readouterr().out
        assert (goes_on or "loss") in printed
        assert ("goes on" in printed) == bool(goes_on)
    run(train, name)
    assert "goes on after epoch 4 of 4" in capsys.readouterr().out
    assert content(folder / "results/models" / name) == whole
    assert kept(folder) == []
    times = json.loads((folder / f"report/times/{name}.json").read_text())
    assert len(times["seconds"]) == 4
    assert times["seconds"] == sorted(times["seconds"])


def test_each_part_of_the_state_matters(rng: torch.Generator) -> None:
    """Weights, both moments, their step count, the learning rate and the plateau's patience."""

    def learner() -> Learner:
        torch.manual_seed(0)
        return Learner(
            network.build({"kind": "cnn", "hidden": (2,)}), 1e-2, {"factor": 0.5, "patience": 1}
        )

    def learn(learner: Learner, steps: int) -> None:
        for _ in range(steps):
            x = torch.rand(4, 1, 28, 28, generator=rng)
            learner.optimizer.zero_grad()
            learner.network(x, torch.full((4,), 0.5)).square().mean().backward()
            learner.optimizer.step()
            learner.epoch_ended(1.0)

    first, second = learner(), learner()
    learn(first, 6)
    tensors, description = first.state()
    tensors = {key: x.clone() for key, x in tensors.items()}
    second.restore(tensors, json.loads(json.dumps(description)))
    assert second.rate == first.rate < 1e-2
    again, description_again = second.state()
    assert json.dumps(description_again) == json.dumps(description)
    assert tensors.keys() == again.keys()
    assert all(torch.equal(tensors[key], again[key]) for key in tensors)
    generator = rng.get_state()
    learn(first, 2)
    rng.set_state(generator)
    learn(second, 2)
    assert all(torch.equal(first.state()[0][key], x) for key, x in second.state()[0].items())


@pytest.mark.parametrize(
    ("name", "overrides"),
    [("model2", {}), ("model4", {}), ("model4", {"sampling.start": "noise"})],
)
def test_sampling_goes_on_after_the_last_finished_chunk(
    run: Run,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    overrides: dict[str, Any],
) -> None:
    run(train, name)
    run(sample, name, **overrides)
    whole = content(folder / "results/samples" / name)
    assert "film.npz" in whole
    first_chunks: list[int] = []
    for call in (2, 3, 2):
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, sample, "draw_batch", call)
            with pytest.raises(Killed):
                run(sample, name, **overrides)
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        original = sample.draw_batch

        def counted(*arguments: Any) -> Any:
            first_chunks.append(arguments[3])
            return original(*arguments)

        patch.setattr(sample, "draw_batch", counted)
        run(sample, name, **overrides)
    assert f"sample {name} epoch" in capsys.readouterr().out
    # 4 of all batches were finished by the three processes before.
    batches = sum(
        -(-len(image_sets.load(path)[0][sets]) // 100)
        for path in (folder / "results/samples" / name).glob("epoch_*")
        for sets in list(image_sets.load(path)[0])[:1]
    )
    assert len(first_chunks) == batches - 4
    assert content(folder / "results/samples" / name) == whole
    assert kept(folder) == []


def test_sampling_says_from_where_it_goes_on(
    run: Run, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    run(train, "model2", **{"training.epochs": 1})
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, sample, "draw_batch", 3)
        with pytest.raises(Killed):
            run(sample, "model2", **{"training.epochs": 1})
    capsys.readouterr()
    run(sample, "model2", **{"training.epochs": 1})
    assert "sample model2 epoch 1: goes on after 200 of 210 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 43},
        {"training.batch_size": 8},
        {"training.precision": "bfloat16"},
        {"data.split_seed": 1},
        {"models": {"model4": MODELS["model4"] | {"learning_rate": 2e-7}}},
    ],
)
def test_another_configuration_never_goes_on(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, train, "train_epoch", 3)
        with pytest.raises(Killed):
            run(train, "model4", **{"training.precision": "float32"})
    run(train, "model4", **({"training.precision": "float32"} | changed))
    assert "goes on" not in capsys.readouterr().out
    assert len(kept(folder)) == 2  # a folder and its lock: what was interrupted is still there


def test_the_key_holds_settings_data_code_and_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, path = torch.arange(4), tmp_path / "file"
    path.write_text("1")
    keys = [resume.key({"a": 1}, x, path), resume.key({"a": 2}, x, path)]
    assert resume.key({"a": 1}, x, path) == keys[0]
    keys.append(resume.key({"a": 1}, x + 1, path))
    path.write_text("2")
    keys.append(resume.key({"a": 1}, x, path))
    monkeypatch.setattr(torch.__config__, "show", lambda: "another build")
    keys.append(resume.key({"a": 1}, x, path))
    monkeypatch.delitem(sys.modules, "stages.train")  # as if the code were other
    keys.append(resume.key({"a": 1}, x, path))
    assert len(set(keys)) == len(keys) == 6


def test_a_damaged_state_is_said_and_not_used(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, train, "train_epoch", 2)
        with pytest.raises(Killed):
            run(train, "model2")
    state = next((folder / "scratch/resume").rglob("state.safetensors"))
    state.write_bytes(state.read_bytes()[:-9])
    run(train, "model2")
    printed = capsys.readouterr().out
    assert "state.safetensors is damaged and not used" in printed
    assert "goes on" not in printed


def test_a_second_process_says_that_it_waits(folder: Path) -> None:
    program = (
        "from diffusion.runtime.resume import Work\n"
        "with Work('train', 'm', 'k') as work: work.save('state', {}, {}); print('in', flush=True)"
    )
    with resume.Work("train", "m", "k") as work:
        other = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        assert "another process does the same work; waiting" in other.stdout.readline()
        assert work.load("state") is None
        assert other.poll() is None
    assert "in" in other.communicate(timeout=60)[0]
    assert other.returncode == 0


def test_a_stage_whose_dvc_is_gone_publishes_nothing(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(train, "model2")
    whole = content(folder / "results/models/model2")
    (folder / "results/models/model2/best.safetensors").write_text("of a newer run")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(errors, "STARTED_BY", 0)
        with pytest.raises(UserError, match="the dvc that started it has ended: run dvc repro"):
            run(train, "model2")
    best = folder / "results/models/model2/best.safetensors"
    assert best.read_text() == "of a newer run"
    run(train, "model2")
    assert "goes on after epoch 4 of 4" in capsys.readouterr().out
    assert content(folder / "results/models/model2") == whole


def test_a_loss_that_is_not_a_number_keeps_the_last_good_state(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_pixels, calls = data.to_pixels, iter(range(1, 100))

    def broken(images: torch.Tensor) -> torch.Tensor:
        # Two steps and a validation an epoch: the fifth call is step 2 of epoch 2.
        return to_pixels(images) * (float("nan") if next(calls) == 5 else 1)

    monkeypatch.setattr(data, "to_pixels", broken)
    with pytest.raises(UserError, match="training loss of epoch 2 is nan from step 2 on: lower"):
        run(train, "model2")
    monkeypatch.setattr(data, "to_pixels", to_pixels)
    assert not (folder / "results/models").exists()
    state = next((folder / "scratch/resume").rglob("state.safetensors"))
    tensors, description = checkpoints.load(state)
    assert description["epoch"] == 1
    assert all(x.isfinite().all() for x in tensors.values())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "file"
    files.write(path, b"good")

    def fail(number: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(SystemExit) as end:
        errors.run(lambda: files.write(path, b"half of it"))
    assert str(end.value).startswith(f"error: {path} could not be written or read: ")
    assert str(end.value).endswith("; put that right and run dvc repro")
    assert content(tmp_path) == {"file": b"good"}


def test_other_errors_of_files_are_not_hidden() -> None:
    with pytest.raises(FileNotFoundError):
        errors.run(lambda: Path("nowhere").read_text())


@pytest.mark.parametrize(("number", "when"), [(signal.SIGINT, "import"), (signal.SIGTERM, "epoch")])
def test_a_signal_ends_a_stage_with_a_line(
    run: Run, folder: Path, number: signal.Signals, when: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, train, "train_epoch", 1)
        with pytest.raises(Killed):  # leaves the params.yaml of a training without end
            run(train, "model2", **{"training.epochs": 100_000})
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train", "model2"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background leaves SIGINT ignored.
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
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert "Traceback" not in said
    assert said.strip() == f"stopped by {number.name}"
    assert process.returncode == 128 + number

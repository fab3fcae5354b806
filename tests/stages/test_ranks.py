"""One model on several ranks: the same images, noise and order, hence the same results."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, TINY, run_stage, write_params

from hotcold.numerics import checkpoints
from hotcold.numerics.tables import read_csv
from hotcold.runtime import paths
from stages import sample, train

Start = Callable[..., subprocess.Popen]
BUDGET = {
    "precision": "float32",
    "training.validation_images": 1200,  # three batches
    "sampling.images": 110,  # two chunks
    "models": {"model4": TINY["models"]["model4"]},  # with dropout
}


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A folder in which a stage can run."""
    (tmp_path / "data").symlink_to(prepared / "data")
    for package in ("hotcold", "stages"):
        (tmp_path / package).symlink_to(ROOT / package)
    write_params(tmp_path, **BUDGET)
    return tmp_path


def start(folder: Path, stage: str, torchrun: str = "") -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCHRUN": torchrun}
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}", "model4"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own for Ctrl-C
    )


def run(folder: Path, stage: str, torchrun: str = "") -> str:
    """The output of a stage, which must succeed."""
    process = start(folder, stage, torchrun)
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert errors == ""
    return printed


def history(folder: Path) -> list[dict[str, float]]:
    rows = read_csv(folder / paths.history("model4"))
    return [{key: float(x) for key, x in row.items()} for row in rows]


@pytest.mark.slow
def test_number_of_ranks_changes_neither_losses_nor_images(folder: Path) -> None:
    run_stage(folder, train, "model4", **BUDGET)
    single = history(folder)
    printed = run(folder, "train", "--nproc-per-node=2")
    assert printed.count("epoch 2 of 2") == 1  # one of the ranks prints
    assert history(folder) == [pytest.approx(row, rel=1e-5) for row in single]
    assert '"processes": 2' in (folder / paths.RECORDS / "train/model4.json").read_text()
    run_stage(folder, sample, "model4", **BUDGET)
    images = {p.name: p.read_bytes() for p in (folder / paths.SAMPLES / "model4").iterdir()}
    run(folder, "sample", "--nproc-per-node=3")  # one rank has none of the two chunks
    again = {p.name: p.read_bytes() for p in (folder / paths.SAMPLES / "model4").iterdir()}
    assert again == images
    assert list((folder / paths.RESUME).iterdir()) == []


@pytest.mark.slow
def test_two_machines_train_one_model_and_the_first_one_writes_the_results(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "machine"
    shutil.copytree(folder, other, symlinks=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = f"--nnodes=2 --nproc-per-node=1 --master-addr=127.0.0.1 --master-port={port}"
    machines = [
        start(place, "train", f"{common} --node-rank={rank}")
        for rank, place in enumerate((folder, other))
    ]
    printed = [machine.communicate(timeout=120) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], printed
    assert len(history(folder)) == 2
    for path in (paths.MODELS, paths.TIMES, paths.REPORT):
        assert not (other / path).exists()
    assert (folder / paths.TIMES / "model4.json").exists()


def workers(launcher: subprocess.Popen) -> list[psutil.Process]:
    """The processes of the ranks."""
    with suppress(psutil.NoSuchProcess):
        return [p for p in psutil.Process(launcher.pid).children() if "model4" in p.cmdline()]
    return []


def after_an_epoch(folder: Path) -> subprocess.Popen:
    """A long training on two ranks, of which an epoch is on disk."""
    write_params(folder, **BUDGET | {"training.epochs": 400})
    launcher = start(folder, "train", "--nproc-per-node=2")
    end = time.monotonic() + 60
    while not list(folder.glob(f"{paths.RESUME}/*/state.safetensors")):
        assert time.monotonic() < end, launcher.communicate()
        assert launcher.poll() is None, launcher.communicate()
        time.sleep(0.02)
    return launcher


@pytest.mark.slow
def test_killed_rank_ends_the_run_with_a_sentence_and_the_next_continues(folder: Path) -> None:
    launcher = after_an_epoch(folder)
    others = workers(launcher)
    others[1].kill()
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 1
    assert errors == (
        "error: rank 1 was ended by SIGKILL, and then the other ranks: "
        "run dvc repro again, which continues from the saved state\n"
    )
    assert not any(process.is_running() for process in others)
    (state,) = folder.glob(f"{paths.RESUME}/*/state.safetensors")
    epoch = checkpoints.load(state)[1]["epoch"]
    write_params(folder, **BUDGET | {"training.epochs": 400})
    launcher = start(folder, "train", "--nproc-per-node=2")
    assert launcher.stdout
    lines = [launcher.stdout.readline() for _ in range(3)]
    assert f"continues after epoch {epoch} of 400" in lines[1]
    assert f"epoch {epoch + 1} of 400" in lines[2]
    os.killpg(launcher.pid, signal.SIGINT)  # Ctrl-C reaches all ranks
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 130
    assert "Traceback" not in errors
    assert "stopped by SIGINT" in errors


@pytest.mark.parametrize(
    ("torchrun", "sentence"),
    [
        pytest.param(
            "--nproc-per-node=3",
            "training.batch_size is 16, must be a multiple of the 3 ranks that TORCHRUN requests",
            marks=pytest.mark.slow,
        ),
        ("--nproc-per-node=x", "TORCHRUN is '--nproc-per-node=x', must be options of torchrun: "),
        ("--processes=2", "unrecognized arguments: --processes=2"),
    ],
)
def test_wrong_options_of_torchrun_are_refused(folder: Path, torchrun: str, sentence: str) -> None:
    process = start(folder, "train", torchrun)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith("error: ")
    assert sentence in errors
    assert errors.count("\n") == 1
    assert not (folder / paths.MODELS).exists()

"""One model on several processes: the same images, noise and order, hence the same results."""

from __future__ import annotations

import csv
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
from conftest import ROOT, TINY, prepare, write_params

from diffusion.runtime import checkpoints

Start = Callable[..., subprocess.Popen]
BUDGET = {
    "training.precision": "float32",
    "training.validation_images": 1200,  # three batches
    "sampling.images": 210,  # three chunks
    "models": {"model4": TINY["models"]["model4"]},  # with dropout
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    prepare(folder)
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Where a stage can run."""
    (tmp_path / "data").symlink_to(prepared / "data")
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    write_params(tmp_path, **BUDGET)
    return tmp_path


def start(folder: Path, stage: str, torchrun: str = "") -> subprocess.Popen:
    environment = os.environ | {"DEVICE": "cpu", "OMP_NUM_THREADS": "1", "TORCHRUN": torchrun}
    environment.pop("DVC_ROOT", None)
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
    """A stage that has to succeed; what it printed."""
    process = start(folder, stage, torchrun)
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert errors == ""
    return printed


def history(folder: Path) -> list[dict[str, float]]:
    with (folder / "results/models/model4/history.csv").open() as file:
        return [{key: float(x) for key, x in row.items()} for row in csv.DictReader(file)]


def test_the_number_of_processes_changes_neither_losses_nor_images(folder: Path) -> None:
    run(folder, "train")
    alone = history(folder)
    for count in (2, 4):
        printed = run(folder, "train", f"--nproc-per-node={count}")
        assert printed.count("epoch 2 of 2") == 1  # one of them talks
        assert history(folder) == [pytest.approx(row, rel=1e-5) for row in alone]
        assert f'"processes": {count}' in (folder / "results/models/model4/run.json").read_text()
    run(folder, "sample")
    images = {p.name: p.read_bytes() for p in (folder / "results/samples/model4").iterdir()}
    run(folder, "sample", "--nproc-per-node=4")  # one of which has none of the three chunks
    again = {p.name: p.read_bytes() for p in (folder / "results/samples/model4").iterdir()}
    assert again == images
    assert list((folder / "scratch/resume").iterdir()) == []


def test_two_machines_train_one_model_and_the_first_one_has_the_results(
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
    said = [machine.communicate(timeout=120) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    assert len(history(folder)) == 2
    assert not (other / "results/models").exists()
    assert not (other / "report").exists()


def workers(launcher: subprocess.Popen) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [p for p in psutil.Process(launcher.pid).children() if "model4" in p.cmdline()]
    return []


def after_an_epoch(folder: Path) -> subprocess.Popen:
    """A long training by two processes, of which an epoch is on disk."""
    write_params(folder, **BUDGET | {"training.epochs": 400})
    launcher = start(folder, "train", "--nproc-per-node=2")
    end = time.monotonic() + 60
    while not list(folder.glob("scratch/resume/*/state.safetensors")):
        assert time.monotonic() < end, launcher.communicate()
        assert launcher.poll() is None, launcher.communicate()
        time.sleep(0.02)
    return launcher


def test_a_killed_process_ends_the_run_with_a_sentence_and_what_is_kept_goes_on(
    folder: Path,
) -> None:
    launcher = after_an_epoch(folder)
    others = workers(launcher)
    others[1].kill()
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 1
    assert errors == (
        "error: process 1 was ended by SIGKILL, and with it the others: "
        "run dvc repro again, which takes what is kept\n"
    )
    assert not any(process.is_running() for process in others)
    (state,) = folder.glob("scratch/resume/*/state.safetensors")
    epoch = checkpoints.load(state)[1]["epoch"]
    write_params(folder, **BUDGET | {"training.epochs": 400})
    launcher = start(folder, "train", "--nproc-per-node=2")
    assert launcher.stdout
    lines = [launcher.stdout.readline() for _ in range(3)]
    assert f"goes on after epoch {epoch} of 400" in lines[1]
    assert f"epoch {epoch + 1} of 400" in lines[2]
    os.killpg(launcher.pid, signal.SIGINT)  # and Ctrl-C, which reaches all of them
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 130
    assert "Traceback" not in errors
    assert "stopped by SIGINT" in errors


@pytest.mark.parametrize(
    ("torchrun", "said"),
    [
        (
            "--nproc-per-node=3",
            "training.batch_size is 16, must be a multiple of the 3 processes that TORCHRUN asks "
            "for",
        ),
        ("--nproc-per-node=x", "TORCHRUN is '--nproc-per-node=x', must be options of torchrun: "),
        ("--processes=2", "unrecognized arguments: --processes=2"),
    ],
)
def test_a_wrong_launch_gets_one_sentence(folder: Path, torchrun: str, said: str) -> None:
    process = start(folder, "train", torchrun)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith("error: ")
    assert said in errors
    assert errors.count("\n") == 1
    assert not (folder / "results/models").exists()

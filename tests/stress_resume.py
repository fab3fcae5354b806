"""Kill every stage at random moments, continue, and compare the bytes; pytest does not run this:

PYTHONPATH=. python tests/stress_resume.py FOLDER [--mnist data/mnist_idx] [--kills 36] [--seed 0]

FOLDER must be new, empty or that of an earlier run. The moments are between the start and the end
of dvc, which also moves the outputs to its cache and writes dvc.lock. Every kill is one of SIGINT,
SIGTERM and SIGKILL, sent to the stage, to dvc, or to the process group as Ctrl-C in a terminal is.
Then `dvc repro` runs to its end, and the outputs in dvc.lock must be those of an uninterrupted run,
the times of training aside. Exits with code 1 if anything differs, if something is left over, or if
more than the unfinished epoch or batch was computed again.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import yaml
from conftest import TINY

from hotcold.numerics import checkpoints
from hotcold.numerics.devices import BATCH_SIZE
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, run
from tools.copy_project import COPY, check_folder, copy_project
from tools.mend_dvc import mend

MODELS = copy.deepcopy(TINY["models"])
MODELS["model2"]["degradation"]["T"], MODELS["model4"]["degradation"]["T"] = 200, 100
MODELS["model4"]["training"]["plateau"]["patience"] = 0
BUDGET = TINY | {
    "training.epochs": 8,
    "training.images": 2048,
    "training.checkpoints": [1, 3],
    "sampling.images": 600,
    "sampling.progress_images": 100,
    "models": MODELS,
}
TARGETS = ["check_params", "download", "download_inception", "train_classifier", "evaluate_real"]
TARGETS += [f"{stage}@{model}" for stage in ("train", "sample", "evaluate") for model in MODELS]
TARGETS += ["step_study@model2", "likelihood@model2", "figures", "report"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
KINDS = list(itertools.product(SIGNALS, ("stage", "dvc", "group")))
LOG = Path("scratch/log")


def start(folder: Path, target: str) -> subprocess.Popen[bytes]:
    """dvc repro of one stage, in a new session."""
    line = [sys.executable, "-m", "dvc", "repro", target]
    (folder / LOG).parent.mkdir(exist_ok=True)
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(line, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def outputs(folder: Path, target: str) -> dict[str, str]:
    """Hashes of the outputs of a stage in dvc.lock; empty before the stage has finished."""
    lock, times = folder / "dvc.lock", str(paths.TIMES)
    stages = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
    outs = stages.get(target, {}).get("outs", [])
    return {out["path"]: out["md5"] for out in outs if not out["path"].startswith(times)}


def saved(folder: Path, target: str) -> int:
    """Finished epochs, or images, from which the next run can continue."""
    if target.startswith("train@"):
        states = (folder / paths.RESUME).glob("train-*/state.safetensors")
        return max((checkpoints.load(state)[1]["epoch"] for state in states), default=0)
    return BATCH_SIZE * len(list((folder / paths.RESUME).glob("sample-*/epoch_*.safetensors")))


def kill(folder: Path, target: str, number: signal.Signals, recipient: str, delay: float) -> str:
    """Start dvc repro and send the signal after `delay` seconds; the process that it hit: that of
    the stage, that of dvc, or nothing."""
    dvc = start(folder, target)
    time.sleep(delay)
    hit = "nothing" if dvc.poll() is not None else "dvc"
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process = psutil.Process(dvc.pid)
        for child in process.children(recursive=True):
            if "stages." in " ".join(child.cmdline()):
                hit, process = "stage", child if recipient == "stage" else process
        os.killpg(dvc.pid, number) if recipient == "group" else process.send_signal(number)
    dvc.wait()
    return hit


def trial(folder: Path, target: str, expected: dict[str, str]) -> tuple[str, bool]:
    """Run dvc repro to its end; what happened, and whether all is well."""
    before, finished = saved(folder, target), bool(outputs(folder, target))
    succeeded = start(folder, target).wait() == 0
    mended = [] if succeeded else mend(folder)  # the signal ended DVC while it wrote one of these
    succeeded = succeeded or (bool(mended) and start(folder, target).wait() == 0)
    printed = (folder / LOG).read_text(errors="replace")
    left = [*(folder / paths.RESUME).glob("*/*.safetensors"), *folder.rglob("*.partial")]
    same = succeeded and outputs(folder, target) == expected
    after = sum(map(int, re.findall(r"continues after (?:epoch )?(\d+)", printed)))
    fair = finished or after >= before or "takes the outputs of a finished run" in printed
    words = f"{before} saved, continued after {after}, {'same' if same else 'DIFFERENT'} bytes, "
    words += f"{len(mended)} files mended, {len(left)} left over"
    well = same and fair and not left
    return words if well else f"{words}\n{printed}", well


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--mnist", type=Path, default=paths.MNIST, help=f"({paths.MNIST})")
    parser.add_argument("--kills", type=int, default=36, help="(36)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments (0)")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    os.environ |= {"MNIST_MIRROR": str(arguments.mnist.resolve()), "PYTHONUNBUFFERED": "1"}
    os.environ |= {"DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    folder = arguments.folder.resolve()
    check_folder(folder, "uninterrupted" / COPY)
    shutil.rmtree(folder, ignore_errors=True)
    project, runs, bad = folder / "uninterrupted", {}, 0
    copy_project(project, BUDGET)
    for target in TARGETS:
        before = shutil.copytree(project, folder / f"before_{target}")
        begin = time.monotonic()
        if start(project, target).wait():
            raise UserError(f"{target} failed:\n{(project / LOG).read_text()}")
        runs[target] = before, time.monotonic() - begin, outputs(project, target)
        print(f"uninterrupted {target}: {runs[target][1]:.1f} s", flush=True)

    for k in range(arguments.kills):
        target, kind = TARGETS[k % len(TARGETS)], random.choice(KINDS)  # noqa: S311
        before, seconds, expected = runs[target]
        copied = shutil.copytree(before, folder / "killed")
        delay = random.uniform(0, seconds)  # noqa: S311
        hit = kill(copied, target, *kind, delay)
        words, well = trial(copied, target, expected)
        bad += not well
        print(f"{target}: {kind[0].name} to {kind[1]} after {delay:.2f} s hit {hit}; {words}")
        shutil.rmtree(copied)
    print(f"{arguments.kills} kills, {bad} of them with a wrong result")
    sys.exit(bool(bad))


if __name__ == "__main__":
    run(main)

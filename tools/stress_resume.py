"""Kill the download, training and sampling at random moments, go on, and compare the bytes.

    python tools/stress_resume.py FOLDER --mnist data/mnist [--kills 36] [--seed 0]

FOLDER is emptied. The folder of MNIST is served over the loopback address, slowly, so that the
download can be killed in the middle of a file. Every kill is one of SIGINT, SIGTERM and SIGKILL,
sent to the stage, to dvc, or to the process group as a terminal's Ctrl-C is. Then `dvc repro`
runs to its end, and what dvc.lock says of the outputs must be what an uninterrupted run gave.
Exit code 1 if anything differs, or if more than the unfinished epoch or batch was done again.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from diffusion.runtime import checkpoints  # noqa: E402
from tools.copy_project import copy_project  # noqa: E402
from tools.mend_dvc import mend  # noqa: E402

BUDGET = {
    "training.epochs": 8,
    "training.batch_size": 16,
    "training.images": 2048,
    "training.validation_images": 64,
    "training.checkpoints": [1, 3],
    "sampling.images": 600,
    "sampling.progress_images": 100,
    "sampling.batch_size": 100,
    "sampling.samplers": {},
    "evaluation.inception": "off",
    "models": {
        "hot": {
            "degradation": {"kind": "gaussian", "beta": [0.001, 0.1], "T": 200},
            "network": {"kind": "cnn", "hidden": [4, 4]},
            "learning_rate": 1.0e-3,
        },
        "cold": {
            "degradation": {"kind": "impulse", "rho": [0.05, 0.25], "T": 100},
            "network": {"kind": "cnn", "hidden": [4], "dropout": 0.15},
            "learning_rate": 2.0e-4,
            "plateau": {"factor": 0.5, "patience": 0},
        },
    },
}
TARGETS = ["download", "train@hot", "sample@hot", "download", "train@cold", "sample@cold"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
RECIPIENTS = ["stage", "dvc", "group"]
LIMIT = 600  # seconds for any one run


class SlowHandler(http.server.SimpleHTTPRequestHandler):
    """Some 20 MB a second."""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with contextlib.suppress(ConnectionError):  # the other side was killed
            while block := source.read(1 << 20):
                outputfile.write(block)
                time.sleep(0.05)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(SlowHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Project:
    """A copy of the project in which dvc runs."""

    def __init__(self, folder: Path, mirror: str) -> None:
        self.folder, self.log = folder, folder / "scratch/log"
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DEVICE": "cpu",
            "OMP_NUM_THREADS": "1",
            "MNIST_MIRROR": mirror,
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, target: str) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dvc", "repro", target],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def outputs(self, target: str) -> Any:
        """Hashes of the outputs of a stage, as dvc.lock has them."""
        lock = self.folder / "dvc.lock"
        stages = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
        return stages.get(target, {}).get("outs")

    def kept(self, target: str) -> int:
        """Finished epochs, or batches, that the next run can go on from."""
        folder = self.folder / "scratch/resume"
        if target.startswith("sample"):
            return len(list(folder.glob("sample-*/epoch_*.safetensors")))
        states = list(folder.glob("train-*/state.safetensors"))
        return checkpoints.load(states[0])[1]["epoch"] if states else 0

    def copy(self, folder: Path) -> Project:
        """Another one in the same state. Big files are shared: nothing changes them in place."""

        def link_or_copy(source: str, target: str) -> str:
            if Path(source).stat().st_size > 1 << 20 and ".dvc/tmp" not in source:
                os.link(source, target)
                return target
            return shutil.copy2(source, target)

        shutil.copytree(self.folder, folder, copy_function=link_or_copy)
        return Project(folder, self.environment["MNIST_MIRROR"])


def stage_process(dvc: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The process of the stage that dvc runs, if it runs one."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(dvc.pid).children(recursive=True):
            if "stages." in " ".join(child.cmdline()):
                return child
    return None


def wait_for_stage(dvc: subprocess.Popen[bytes], project: Project, module: str) -> None:
    """Until the stage has begun: it has said what it computes on, or asked for a file."""
    while dvc.poll() is None and f"stages.{module}" not in project.said():
        time.sleep(0.02)


def kill(
    project: Project, target: str, number: int, recipient: str, delay: float
) -> tuple[str, int]:
    """Start dvc repro, send a signal after a delay; (what the signal met, what is kept).

    delay: seconds since the stage began, or if negative since dvc began.
    """
    dvc = project.start(target)
    if delay > 0:
        wait_for_stage(dvc, project, target.split("@")[0])
    time.sleep(abs(delay))
    stage = stage_process(dvc)
    met = "running" if stage else ("over" if dvc.poll() is not None else "dvc alone")
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        if recipient == "group":
            os.killpg(dvc.pid, number)
        elif recipient == "stage" and stage:
            stage.send_signal(number)
        else:
            dvc.send_signal(number)
    dvc.wait(LIMIT)
    return met, project.kept(target)


def went_on(text: str) -> list[str]:
    return re.findall(r"goes on after (.*)", text)


def trial(
    project: Project, target: str, expected: Any, number: int, recipient: str, delay: float
) -> tuple[list[str], bool]:
    """A row of the table, none if dvc was done before the signal; and whether all is well."""
    met, kept = kill(project, target, number, recipient, delay)
    if met == "over":
        return [], True
    done = project.outputs(target) is not None
    dvc = project.start(target)
    dvc.wait(LIMIT)
    said = project.said()
    mended = mend(project.folder) if dvc.returncode else []
    if mended:  # DVC was ended while it wrote a file of its own, as README.md says
        dvc = project.start(target)
        dvc.wait(LIMIT)
        said = project.said()
    continued = went_on(said)
    same = dvc.returncode == 0 and project.outputs(target) == expected
    if done:
        outcome, fair = "was finished", True
    elif target.startswith("train"):
        after = int(continued[0].split()[1]) if continued else 0
        outcome, fair = f"went on after {after}", after >= kept
    elif target.startswith("sample"):
        after = sum(-(-int(text.split()[0]) // 100) for text in continued)
        outcome, fair = f"went on after {after}", after >= kept
    else:
        outcome, fair = "downloaded again", True
    if "waiting for it" in said:
        outcome += ", after waiting"
    if mended:
        outcome += f", after deleting {', '.join(path.name for path in mended)} of DVC"
    left = [p.name for p in (project.folder / "scratch/resume").glob("*")]
    left += [str(p) for p in project.folder.rglob("*.partial")]
    row = [
        target,
        signal.Signals(number).name,
        recipient,
        f"{delay:.2f}",
        met,
        str(kept),
        outcome,
        "same" if same else "OTHER",
        "nothing" if not left else ", ".join(left),
    ]
    if not (same and fair) or left:
        print(said)
    return row, same and fair and not left


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, default=ROOT / "data/mnist")
    parser.add_argument("--kills", type=int, default=36)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = arguments.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)

    with served(arguments.mnist.resolve()) as mirror:
        copy_project(folder / "before_download", BUDGET)
        before = {"download": Project(folder / "before_download", mirror)}
        expected, seconds = {}, {}
        whole = before["download"].copy(folder / "whole")
        for target in dict.fromkeys(TARGETS):
            if target != "download":
                before[target] = whole.copy(folder / f"before_{target}")
            dvc = whole.start(target)
            wait_for_stage(dvc, whole, target.split("@")[0])
            start = time.monotonic()
            if dvc.wait(LIMIT) != 0:
                sys.exit(whole.said())
            expected[target], seconds[target] = whole.outputs(target), time.monotonic() - start
            print(f"uninterrupted {target}: {seconds[target]:.1f} s", flush=True)

        ways = list(itertools.product(SIGNALS, RECIPIENTS))
        random.shuffle(ways)
        bad = kills = 0
        print("stage | signal | to | delay in s | met | kept | next run | bytes | left behind")
        for k in itertools.count():
            if kills == arguments.kills:
                break
            target = TARGETS[k % len(TARGETS)]
            number, recipient = ways[k // 3 % len(ways)]
            delay = random.uniform(0, seconds[target])  # noqa: S311
            if k % 5 == 4:  # from the start of dvc, not of the stage: imports are killed too
                delay = -delay
            project = before[target].copy(folder / "killed")
            row, well = trial(project, target, expected[target], number, recipient, delay)
            if row:
                kills, bad = kills + 1, bad + (not well)
                print(" | ".join(row), flush=True)
            shutil.rmtree(project.folder)
    print(f"{kills} kills, {bad} of them not well")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()

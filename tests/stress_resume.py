"""Kill every stage at random moments, continue, and compare the bytes:

python -m tools.checks.stress_resume FOLDER --mnist data/mnist_idx [--kills 36] [--seed 0]

FOLDER must be new, empty or that of an earlier run. The MNIST files are served over the loopback
address, slowly, so that the download can be killed in the middle of a file. The moments are between
the start of a stage, or of dvc, and the end of dvc, which also moves the outputs to its cache and
writes dvc.lock. Every kill is one of SIGINT, SIGTERM and SIGKILL, sent to the stage, to dvc, or to
the process group as Ctrl-C in a terminal is. Then `dvc repro` runs to its end, and the outputs in
dvc.lock must be those of an uninterrupted run, the times of training aside. Exits with code 1 if
anything differs, or if more than the unfinished epoch or batch was computed again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from hotcold.numerics import checkpoints, devices
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from tools.checks.compare_locks import stage_outputs
from tools.checks.slow_server import served
from tools.copy_project import COPY, check_folder, copy_project
from tools.mend_dvc import mend

BUDGET = {
    "training.epochs": 8,
    "training.batch_size": 16,
    "training.images": 2048,
    "training.validation_images": 64,
    "training.checkpoints": [1, 3],
    "sampling.images": 600,
    "sampling.progress_images": 100,
    "inception.use": "off",
    "classifier.images": 2000,
    "classifier.epochs": 1,
    "step_study.steps": [2, 4],
    "step_study.etas": [0.0, 1.0],
    "step_study.clips": [False],
    "evaluation.reference": 500,
    "evaluation.bootstrap": 10,
    "models": {
        "hot": {
            "degradation": {"kind": "gaussian", "beta": [0.001, 0.1], "T": 200},
            "network": {"kind": "cnn", "hidden": [4, 4], "predicts": "eps"},
            "training": {"learning_rate": 1.0e-3},
            "sampler": {"kind": "ancestral"},
        },
        "cold": {
            "degradation": {"kind": "impulse", "rho": [0.05, 0.25], "T": 100},
            "network": {"kind": "cnn", "hidden": [4], "dropout": 0.15, "predicts": "x_0"},
            "training": {"learning_rate": 2.0e-4, "plateau": {"factor": 0.5, "patience": 0}},
            "sampler": {"kind": "cold", "start": "validation"},
        },
    },
}
TARGETS = ["check_params", "download", "download_inception", "train_classifier", "evaluate_real"]
TARGETS += ["train@hot", "sample@hot", "train@cold", "sample@cold", "evaluate@hot", "evaluate@cold"]
TARGETS += ["step_study@hot", "likelihood@hot", "figures", "report"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
RECIPIENTS = ["stage", "dvc", "group"]
LIMIT = 1800  # seconds for any one run, on a busy machine too
COLUMNS = "stage | signal | to | delay in s | hit | saved | next run | bytes | left over"


class Project:
    """A copy of the project in which dvc runs."""

    def __init__(self, folder: Path, mirror: str) -> None:
        self.folder, self.log, self.mirror = folder, folder / "scratch/log", mirror
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DEVICE": "cpu",
            "OMP_NUM_THREADS": "1",
            "MNIST_MIRROR": mirror,
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, target: str) -> subprocess.Popen[bytes]:
        """dvc repro of one stage, in a new session."""
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

    def finish(self, target: str) -> bool:
        """Run dvc repro of one stage to its end; whether it succeeded."""
        return self.start(target).wait(LIMIT) == 0

    def output(self) -> str:
        """The text that the last dvc printed."""
        return self.log.read_text(errors="replace")

    def outputs(self, target: str) -> dict[str, str] | None:
        """Hashes of the outputs of a stage in dvc.lock; None before the stage has finished."""
        lock = self.folder / "dvc.lock"
        stages = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
        return stage_outputs(stages[target]) if target in stages else None

    def saved(self, target: str) -> int:
        """Finished epochs, or batches, from which the next run can continue."""
        folder = self.folder / paths.RESUME
        if target.startswith("sample@"):
            return len(list(folder.glob("sample-*/epoch_*.safetensors")))
        if not target.startswith("train@"):
            return 0
        states = list(folder.glob("train-*/state.safetensors"))
        return checkpoints.load(states[0])[1]["epoch"] if states else 0

    def left_over(self) -> list[str]:
        """Partial files and states that a finished run must not leave."""
        states = (self.folder / paths.RESUME).glob("*/*.safetensors")
        return [str(path) for path in states] + [
            str(path) for path in self.folder.rglob("*.partial")
        ]

    def copy(self, folder: Path) -> Project:
        """A copy in the same state. Large files are linked, because nothing changes them."""

        def link_or_copy(source: str, target: str) -> str:
            if Path(source).stat().st_size > 1 << 20 and ".dvc/tmp" not in source:
                os.link(source, target)
                return target
            return shutil.copy2(source, target)

        shutil.copytree(self.folder, folder, copy_function=link_or_copy)
        return Project(folder, self.mirror)

    def wait_for_stage(self, dvc: subprocess.Popen[bytes], target: str) -> None:
        """Wait until dvc has printed the command of the stage, or has ended."""
        while dvc.poll() is None and f"stages.{target.split('@')[0]}" not in self.output():
            time.sleep(0.02)


@dataclass(frozen=True)
class Kill:
    """A signal to the stage, to dvc, or to the process group of dvc.

    delay: seconds after the start of the stage, or if negative, after the start of dvc.
    """

    target: str
    number: signal.Signals
    recipient: str
    delay: float

    def __call__(self, project: Project) -> str:
        """Start dvc repro and send the signal; returns the process that it hit: that of the stage,
        only that of dvc, or nothing."""
        dvc = project.start(self.target)
        if self.delay > 0:
            project.wait_for_stage(dvc, self.target)
        time.sleep(abs(self.delay))
        stage = stage_process(dvc)
        hit = "stage" if stage else ("nothing" if dvc.poll() is not None else "dvc alone")
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if self.recipient == "group":
                os.killpg(dvc.pid, self.number)
            elif self.recipient == "stage" and stage:
                stage.send_signal(self.number)
            else:
                dvc.send_signal(self.number)
        dvc.wait(LIMIT)
        return hit


def stage_process(dvc: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The process of the stage that dvc runs, if it runs one."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(dvc.pid).children(recursive=True):
            if "stages." in " ".join(child.cmdline()):
                return child
    return None


def continuation(target: str, output: str, saved: int) -> tuple[str, bool]:
    """How the next run began, and whether it used everything that was saved."""
    if "takes the outputs of a finished run" in output:
        return "took the finished outputs", True
    positions = re.findall(r"continues after (.*)", output)
    if target.startswith("train@"):
        after = int(positions[0].split()[1]) if positions else 0
    elif target.startswith("sample@"):
        after = sum(-(-int(text.split()[0]) // devices.BATCH_SIZE) for text in positions)
    else:
        return "computed again", True
    return f"continued after {after}" if positions else "started again", after >= saved


def trial(project: Project, kill: Kill, expected: dict[str, str]) -> tuple[list[str], bool]:
    """A row of the table, empty if dvc ended before the signal; and whether all is well."""
    target = kill.target
    hit = kill(project)
    if hit == "nothing":
        return [], True
    saved, finished = project.saved(target), project.outputs(target) is not None
    succeeded = project.finish(target)
    mended = [] if succeeded else mend(project.folder)
    if mended:  # the signal ended DVC while it wrote one of its files
        succeeded = project.finish(target)
    output, left_over = project.output(), project.left_over()
    same = succeeded and project.outputs(target) == expected
    outcome, fair = continuation(target, output, saved)
    if finished:
        outcome, fair = "was finished", True
    if "waiting for another run" in output:
        outcome += ", after waiting"
    if mended:
        outcome += f", after mending {', '.join(path.name for path in mended)} of DVC"
    well = same and fair and not left_over
    if not well:
        print(output)
    row = [target, kill.number.name, kill.recipient, f"{kill.delay:.2f}", hit, str(saved)]
    row += [outcome, "same" if same else "DIFFERENT", ", ".join(left_over) or "nothing"]
    return row, well


@dataclass(frozen=True)
class Uninterrupted:
    """A run of one stage. before: the project in the state before it."""

    before: Project
    expected: dict[str, str]
    seconds: float


def run_uninterrupted(folder: Path, mirror: str) -> dict[str, Uninterrupted]:
    """Each target once, without a kill. Raises UserError if one fails."""
    copy_project(folder / "uninterrupted", BUDGET)
    project = Project(folder / "uninterrupted", mirror)
    runs = {}
    for target in dict.fromkeys(TARGETS):
        before = project.copy(folder / f"before_{target}")
        dvc = project.start(target)
        project.wait_for_stage(dvc, target)
        start = time.monotonic()
        dvc.wait(LIMIT)
        seconds, expected = time.monotonic() - start, project.outputs(target)
        if dvc.returncode or expected is None:
            raise UserError(f"{target} failed:\n{project.output()}")
        runs[target] = Uninterrupted(before, expected, seconds)
        print(f"uninterrupted {target}: {seconds:.1f} s", flush=True)
    return runs


def main() -> None:
    parser = cli.parser("tools.checks.stress_resume", __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--mnist", type=Path, default=paths.MNIST, help=f"({paths.MNIST})")
    parser.add_argument("--kills", type=int, default=36, help="(36)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments (0)")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = arguments.folder.resolve()
    check_folder(folder, "uninterrupted" / COPY)
    shutil.rmtree(folder, ignore_errors=True)

    with served(arguments.mnist.resolve()) as mirror:
        runs = run_uninterrupted(folder, mirror)
        pairs = list(itertools.product(SIGNALS, RECIPIENTS))
        random.shuffle(pairs)
        bad = kills = 0
        print(COLUMNS)
        for k in itertools.count():
            if kills == arguments.kills:
                break
            target = TARGETS[k % len(TARGETS)]
            uninterrupted = runs[target]
            delay = random.uniform(0, uninterrupted.seconds)  # noqa: S311
            if k % 5 == 4:  # from the start of dvc, so that imports are killed too
                delay = -delay
            kill = Kill(target, *pairs[k // 3 % len(pairs)], delay)
            project = uninterrupted.before.copy(folder / "killed")
            row, well = trial(project, kill, uninterrupted.expected)
            if row:
                kills, bad = kills + 1, bad + (not well)
                print(" | ".join(row), flush=True)
            shutil.rmtree(project.folder)
    print(f"{kills} kills, {bad} of them with a wrong result")
    sys.exit(bool(bad))


if __name__ == "__main__":
    run(main)

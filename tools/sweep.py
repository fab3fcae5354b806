"""Run a grid of experiments as jobs of Slurm or of this machine:

hotcold sweep models.model1.training.learning_rate=1e-4,1e-3 --on slurm \\
    --job slurm_partition=gpu --job gpus_per_node=1 --job timeout_min=600

Each job is one `dvc exp run` in a clone of its own in scratch/sweep, with DVC's cache of this
project, and its experiment is then pushed here. The same command again runs what is missing, and an
interrupted training continues. On this machine, --jobs run at a time, each on a GPU of its own; on
Slurm, all of them, unless --jobs is less. The experiments start from the last commit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from subprocess import PIPE
from typing import Any

import click
import torch
from dvc.utils.hydra import get_hydra_sweeps
from hydra.errors import HydraException

from hotcold.commands import command
from hotcold.runtime.errors import UserError, bounded
from hotcold.runtime.params import parse, read
from tools.search import experiment_names

FOLDER = Path("scratch/sweep")
LIMIT = 7 * 24 * 60  # minutes of a job


def git(*arguments: str) -> str:
    """The output of git. Raises UserError if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def grid(overrides: Sequence[str]) -> list[list[str]]:
    """The settings of each experiment of a grid, as `dvc exp run -S` has it."""
    try:
        return [each["params.yaml"] for each in get_hydra_sweeps({"params.yaml": list(overrides)})]
    except HydraException as error:
        raise UserError(f"dvc exp run -S does not read {' '.join(overrides)}: {error}") from None


def run_experiment(
    name: str, commit: str, settings: Sequence[str], target: str | None, gpu: int | None
) -> None:
    """Run one experiment in a clone, and push it to the project, which is the working folder.

    An earlier clone of an interrupted job is used again. Raises CalledProcessError.
    """
    root, clone = Path.cwd(), FOLDER / name
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = str(gpu)

    def run(*command: str | Path, folder: Path = clone) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=PIPE)
        print(output := done.stdout.decode(), end="")
        return output.strip()

    if not clone.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        run("git", "clone", "--quiet", "--shared", root, clone, folder=root)
        cache = run("dvc", "cache", "dir", folder=root)
        run("dvc", "config", "--local", "cache.dir", cache)
    run("git", "checkout", "--quiet", "--force", "--detach", commit)
    options = [word for setting in settings for word in ("-S", setting)]
    targets = [target] if target else []
    run("dvc", "exp", "run", "--pull", "--allow-missing", "--name", name, *options, *targets)
    run("dvc", "exp", "push", "--no-cache", "origin", name)


def open_executor(on: str, options: Sequence[str]) -> Any:
    """An executor of submitit with these settings. Raises UserError if it cannot run here."""
    try:
        import submitit
    except ModuleNotFoundError:
        raise UserError("hotcold sweep needs submitit: run pip install submitit") from None
    if on == "slurm" and not shutil.which("sbatch"):
        raise UserError("--on is slurm, must be local on a machine without sbatch")
    parameters = {
        key: parse(value, option) for option in options for key, _, value in [option.partition("=")]
    }
    executor = submitit.AutoExecutor(folder=FOLDER / "jobs" / "%j", cluster=on)
    try:
        executor.update_parameters(**{"name": "sweep", "timeout_min": LIMIT} | parameters)
    except (NameError, TypeError, AssertionError) as error:
        raise UserError(f"--job is {' '.join(options)}: {bounded(error)}") from None
    return executor


@command(__doc__)
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE,...")
@click.option("--on", type=click.Choice(["local", "slurm"]), default="local")
@click.option("--jobs", type=click.IntRange(1), help="at a time (one a GPU; on slurm, all)")
@click.option("--target", metavar="STAGE", help="(all stages)")
@click.option("--job", "options", multiple=True, metavar="KEY=VALUE", help="as of submitit")
def main(
    settings: tuple[str, ...],
    on: str,
    jobs: int | None,
    target: str | None,
    options: tuple[str, ...],
) -> None:
    for key in [setting.partition("=")[0] for setting in settings]:
        if key[:1] not in "+~":
            read(key, Any)  # a key that params.yaml lacks is refused
    executor, known = open_executor(on, options), experiment_names()
    if git("status", "--porcelain", "--untracked-files=no"):
        raise UserError("there are uncommitted changes, which the jobs would not have: commit them")
    commit, trials = git("rev-parse", "HEAD"), {}
    for each in grid(settings):
        digest = hashlib.sha256(repr((commit, sorted(each), target)).encode()).hexdigest()
        trials[f"sweep-{digest[:8]}"] = each
    gpus = torch.cuda.device_count() if on == "local" else 0
    count = jobs or (max(1, gpus) if on == "local" else len(trials))
    slots: SimpleQueue[int] = SimpleQueue()
    for slot in range(count):
        slots.put(slot)

    def run(name: str) -> str:
        """Run one experiment as a job; what is wrong if it fails."""
        slot = slots.get()
        gpu = slot % gpus if gpus else None
        job = executor.submit(run_experiment, name, commit, trials[name], target, gpu)
        print(f"{name}: job {job.job_id}, {' '.join(trials[name])}", flush=True)
        failed = job.exception() is not None
        print(f"{name}: {'failed' if failed else 'done'}", flush=True)
        slots.put(slot)
        return f"{name} failed, see {job.paths.stderr}" if failed else ""

    missing = [name for name in trials if name not in known]
    print(f"{len(trials)} experiments, {len(trials) - len(missing)} of them done", flush=True)
    with ThreadPoolExecutor(count) as pool:
        failures = list(filter(None, pool.map(run, missing)))
    if failures:
        raise UserError("; ".join(failures))

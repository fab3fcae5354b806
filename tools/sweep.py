"""Run a grid of experiments as jobs of Slurm or of this machine:

hotcold sweep models.model1.training.learning_rate=1e-4,1e-3 --on slurm \\
    --job slurm_partition=gpu --job gpus_per_node=1 --job timeout_min=600

Each job runs in a clone of its own, with DVC's cache of this project, and its experiment is then
pushed here. The same command again runs what is missing, and an interrupted training continues. On
this machine, --jobs run at a time, each on a GPU of its own; on Slurm, all of them, unless --jobs
is less. The experiments have the changes of tracked files since the last commit.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import click
from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import get_hydra_sweeps
from hydra.errors import HydraException

from hotcold.commands import command
from hotcold.runtime.errors import UserError, bounded
from hotcold.runtime.params import parse, read
from tools.jobs import FOLDER, changes, experiment_names, git, run_experiment

LIMIT = 7 * 24 * 60  # minutes of a job
POLL = {"local": 0.1, "slurm": 1}  # seconds


def grid(overrides: Sequence[str]) -> list[list[str]]:
    """The settings of each experiment of a grid, as `dvc exp run -S` has it."""
    try:
        return [each["params.yaml"] for each in get_hydra_sweeps({"params.yaml": list(overrides)})]
    except (HydraException, InvalidArgumentError) as error:
        raise UserError(f"dvc exp run -S does not read {' '.join(overrides)}: {error}") from None


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
    executor = submitit.AutoExecutor(folder=FOLDER / "logs" / "%j", cluster=on)
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
    keys = [setting.partition("=")[0] for setting in settings]
    if len({key.lstrip("+~") for key in keys}) < len(keys):
        raise UserError("a key has two settings, must have one: separate its values by commas")
    for key in keys:
        if key[:1] not in "+~":
            read(key, Any)  # a key that params.yaml lacks is refused
    executor, known = open_executor(on, options), experiment_names()
    commit, further, trials = git("rev-parse", "HEAD"), changes(), {}
    base = git("rev-parse", f"{further or commit}^{{tree}}")
    for each in grid(settings):
        digest = hashlib.sha256(repr((commit, base, sorted(each), target)).encode()).hexdigest()
        trials[f"sweep-{digest[:8]}"] = each
    gpus = 0
    if on == "local" and shutil.which("nvidia-smi"):
        import torch  # which takes a second

        gpus = torch.cuda.device_count()
    count = jobs or (max(1, gpus) if on == "local" else len(trials))
    slots: SimpleQueue[int] = SimpleQueue()
    for slot in range(count):
        slots.put(slot)

    def run(name: str) -> str:
        """Run one experiment as a job; what is wrong if it fails."""
        slot = slots.get()
        gpu = slot % gpus if gpus else None
        try:
            job = executor.submit(run_experiment, name, trials[name], target, commit, further, gpu)
            print(f"{name}: job {job.job_id}, {' '.join(trials[name])}", flush=True)
            asyncio.run(job.awaitable().wait(POLL[on]))
            failed = job.exception() is not None
            print(f"{name}: {'failed' if failed else 'done'}", flush=True)
            return f"{name} failed, see {job.paths.stderr}" if failed else ""
        except RuntimeError as error:  # sbatch refuses, or a job is lost
            return f"{name} failed: {bounded(error)}"
        finally:
            slots.put(slot)

    missing = [name for name in trials if name not in known]
    print(f"{len(trials)} experiments, {len(trials) - len(missing)} of them done", flush=True)
    with ThreadPoolExecutor(count) as pool:
        failures = list(filter(None, pool.map(run, missing)))
    if failures:
        raise UserError("; ".join(failures))

"""`dvc repro --pull`, with up to JOBS independent stages at a time: hotcold run-jobs JOBS

DVC itself runs every stage, by `dvc repro --pull --single-item`, as soon as all stages that it
depends on are done. dvc.lock is then the same as after a plain `dvc repro`.

Each stage keeps all its threads, because the last digits of results depend on their number.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

import click
from dvc.repo import Repo

from hotcold.commands import command
from hotcold.runtime.errors import UserError

DVC = (sys.executable, "-m", "dvc")


def due_stages() -> dict[str, set[str]]:
    """The stages that a repro has to visit: stage -> those of them that it depends on."""
    with Repo() as repo:
        graph = {
            stage.addressing: {other.addressing for other in repo.index.graph.successors(stage)}
            for stage in repo.index.graph
        }
        changed = set(repo.status())
    due: dict[str, set[str]] = {}
    for name in TopologicalSorter(graph).static_order():
        if name in changed or graph[name] & set(due):
            due[name] = graph[name] & set(due)
    return due


def run_stage(name: str) -> bool:
    """Run one stage, with its name before each line of its output; whether it succeeded."""
    process = subprocess.Popen(
        [*DVC, "--wait-for-lock", "repro", "--pull", "--single-item", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout or ():
        print(f"{name} | {line}", end="", flush=True)
    return process.wait() == 0


def run_all(due: dict[str, set[str]], jobs: int) -> list[str]:
    """Run the stages; the names of those that failed. After a failure no other stage starts."""
    order = TopologicalSorter(due)
    order.prepare()
    ready: list[str] = []
    failed: list[str] = []
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while True:
            ready += order.get_ready()
            while ready and len(running) < jobs and not failed:
                name = ready.pop(0)
                running[pool.submit(run_stage, name)] = name
            if not running:
                return failed
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                order.done(name) if future.result() else failed.append(name)


@command(__doc__)
@click.argument("jobs", type=click.IntRange(1))
def main(jobs: int) -> None:
    failed = run_all(due_stages(), jobs)
    if failed:
        raise UserError(f"{', '.join(failed)} failed, see above")
    sys.exit(subprocess.run([*DVC, "repro", "--pull"]).returncode)

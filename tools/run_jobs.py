"""`dvc repro --pull`, with up to JOBS stages at a time where none waits for another:
python tools/run_jobs.py JOBS

Every stage is run by DVC itself, by `dvc repro --pull --single-item`, as soon as all that it
depends on is done. dvc.lock then says what it would say without JOBS.

Each stage keeps all its threads, because the last digits of results depend on their number.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from dvc.repo import Repo

DVC = (sys.executable, "-m", "dvc")


def due_stages() -> dict[str, set[str]]:
    """What a repro has to look at: stage -> those of them that it depends on."""
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
    """Run one stage, each line of its output headed by its name; whether it succeeded."""
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
    """Run the stages; the names of those that failed. After a failure no other is started."""
    order = TopologicalSorter(due)
    order.prepare()
    failed: list[str] = []
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while running or (order.is_active() and not failed):
            if not failed:
                running |= {pool.submit(run_stage, name): name for name in order.get_ready()}
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                if future.result():
                    order.done(name)
                else:
                    failed.append(name)
            if failed:  # what still waits for a place never starts
                running = {future: name for future, name in running.items() if not future.cancel()}
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs", type=int, metavar="JOBS", help="stages at a time, 1 or more")
    jobs = parser.parse_args().jobs
    if jobs < 1:
        parser.error(f"JOBS is {jobs}, must be 1 or more")
    failed = run_all(due_stages(), jobs)
    if failed:
        sys.exit(f"error: {', '.join(failed)} failed, see above")
    sys.exit(subprocess.run([*DVC, "repro", "--pull"]).returncode)


if __name__ == "__main__":
    main()

"""What make passes on, and what it says of itself."""

from __future__ import annotations

import re
import shlex
import subprocess

from conftest import ROOT

RATE = "models.m.training.learning_rate"


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]  # `make test` runs this test
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def printed(target: str, *variables: str) -> list[list[str]]:
    """The words of each command that make would run after it has built the environment."""
    lines = make("-n", target, *variables).splitlines()
    return [shlex.split(line) for line in lines if re.match("dvc exp|hotcold", line)]


def test_values_reach_the_search_as_they_are() -> None:
    values = f"{RATE}=log:1e-4:1e-2 models.m.hidden=[8,8]|[4]"
    shown = printed("search", "METRIC=m.fid", f"SET={values}", "TRIALS=3", "TARGET=evaluate@m")
    words = ["m.fid", *values.split(), "--trials", "3", "--target", "evaluate@m"]
    assert shown[-1] == ["hotcold", "search", *words]


def test_a_sweep_queues_the_grid_runs_it_and_shows_the_table() -> None:
    shown = printed("sweep", f"SET={RATE}=1e-4,1e-3 models.m.hidden=[8,8],[4]", "JOBS=2")
    queue = ["dvc", "exp", "run", "--queue", "-S", f"{RATE}=1e-4,1e-3"]
    assert [*queue, "-S", "models.m.hidden=[8,8],[4]"] in shown
    assert ["dvc", "exp", "run", "--run-all", "--jobs", "2"] in shown
    assert shown[-1] == ["hotcold", "table"]


def test_help_names_every_target_and_every_variable() -> None:
    makefile, shown = (ROOT / "Makefile").read_text(), make("help")
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    used = re.findall(r"\$[({]+(?:\w+ [^,]*\$\(|\w+ )?([A-Z_]{3,})", makefile)
    own = {"BIN", "CURDIR", "MAKE", "MAKEFILE_LIST", "PATH", "SET_ERROR", "STAMP", "VENV"}
    assert {"JOBS", "SEEDS", "MNIST_MIRROR", "TARGET"} <= set(used)
    environment = {"DEVICE", "TORCHRUN", "COMPILE"}
    for name in set(targets) - {"ready"} | (set(used) - own - {"OMP_NUM_THREADS"}) | environment:
        assert re.search(rf"^  {name} ", shown, re.MULTILINE), name

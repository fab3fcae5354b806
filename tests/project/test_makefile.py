"""What make passes on, and what it says of itself."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from projects import small

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


def test_a_sweep_runs_the_grid_and_shows_the_table() -> None:
    shown = printed("sweep", f"SET={RATE}=1e-4,1e-3 models.m.hidden=[8,8],[4]", "JOBS=2")
    grid = [f"{RATE}=1e-4,1e-3", "models.m.hidden=[8,8],[4]"]
    assert ["hotcold", "sweep", *grid, "--jobs", "2"] in shown
    assert shown[-1] == ["hotcold", "table"]


def test_help_names_every_target_and_every_variable() -> None:
    makefile, shown = (ROOT / "Makefile").read_text(), make("help")
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    used = re.findall(r"\$[({]+(?:\w+ [^,]*\$\(|\w+ )?([A-Z_]{3,})", makefile)
    own = {"BIN", "CURDIR", "MAKE", "MAKEFILE_LIST", "OF_MODEL", "PATH", "REPRO", "STAMP", "VENV"}
    own |= {"OMP_NUM_THREADS", "SET_ERROR"}
    assert {"JOBS", "SEEDS", "MNIST_MIRROR", "TARGET"} <= set(used)
    environment = {"DEVICE", "TORCHRUN", "COMPILE"}
    for name in set(targets) - {"ready"} | (set(used) - own) | environment:
        assert re.search(rf"^  {name} ", shown, re.MULTILINE), name


def of_models(name: str, before: str, cmd: str) -> dict:
    """A stage of each of two models, to whose command `item` is the other one."""
    outs = [f"{name}_${{key}}"]
    stage = {"cmd": f"{cmd}cp {before} {outs[0]}", "deps": [before], "outs": outs}
    return {name: {"foreach": {"a": "b", "b": "a"}, "do": stage}}


@pytest.mark.slow
def test_models_run_at_the_same_time_and_write_the_lock_of_a_plain_run(tmp_path: Path) -> None:
    """Two trainings that end only if both have started."""
    meet = "touch ${key}.on; timeout 60 sh -c 'until [ -e ${item}.on ]; do sleep 0.1; done' && "
    stages = {"evaluate_real": {"cmd": "echo real > real", "outs": ["real"]}}
    stages |= of_models("train", "real", meet)
    for name, before in (("sample", "train"), ("evaluate", "sample")):
        stages |= of_models(name, f"{before}_${{key}}", "")
    for name in ("step_study", "likelihood"):
        stages |= of_models(name, "train_${key}", "")
    both = ["evaluate_a", "evaluate_b"]
    stages["report"] = {"cmd": f"cat {' '.join(both)} > all", "deps": both, "outs": ["all"]}
    project = small(tmp_path, stages, "")
    (command,) = [line for line in make("-n", "repro", "JOBS=2").splitlines() if "xargs" in line]
    project.run(command)
    assert (tmp_path / "all").read_text() == "real\nreal\n"
    lock = tmp_path / "dvc.lock"
    together = yaml.safe_load(lock.read_text())
    lock.unlink()
    project.run("dvc repro --force")
    assert yaml.safe_load(lock.read_text()) == together
    project.edit("touch ${key}.on; ", "exit 3; ", "dvc.yaml")
    printed = project.run(command, succeeds=False)
    assert all(f"failed to reproduce 'train@{name}'" in printed for name in "ab")

"""A grid of experiments as jobs, in a small project of its own."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from conftest import ROOT
from projects import COMMIT, Project, small

from hotcold.runtime.errors import UserError
from tools import jobs, sweep

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # in its own code

SCORE = """
import json, os, sys, yaml
rate = yaml.safe_load(open("params.yaml"))["rate"]
if rate > 1:
    sys.exit("the rate is too high")
open("out.txt", "w").write(f"{rate}\\n")
os.makedirs("plots", exist_ok=True)
open(f"plots/{rate}.csv", "w").close()
node = os.environ.get("SLURMD_NODENAME", "")
json.dump({"loss": rate**2, "node": node}, open("score.json", "w"))
"""
STAGES = {
    "input": {"cmd": 'echo once >> "$RAN"; echo a > input.txt', "outs": ["input.txt"]},
    "score": {
        "cmd": "python score.py",
        "deps": ["score.py", "input.txt"],
        "params": ["rate"],
        "outs": ["out.txt", {"plots": {"cache": False}}],
        "metrics": [{"score.json": {"cache": False}}],
    },
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = tmp_path / "a, é #1"  # "," and "#" have a meaning in the configuration of DVC
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RAN", str(tmp_path / "ran.txt"))
    project = small(folder, STAGES, "rate: 0.5\nmodels: {}\n", score=SCORE)
    project.run(f"dvc repro -q && {COMMIT}")
    return project


def results(project: Project) -> dict[str, dict]:
    """The metrics and parameters of each experiment, as it is committed."""
    (shown,) = [each for each in json.loads(project.run("dvc exp show --json")) if each["name"]]
    found = {}
    for group in shown["experiments"] or ():
        data = group["revs"][0]["data"]
        parts = data["metrics"]["score.json"], data["params"]["params.yaml"]
        found[group["revs"][0]["name"]] = parts[0]["data"] | parts[1]["data"]
    return found


def log_of(printed: str) -> str:
    """The log of the job that failed."""
    (log,) = re.findall(r"error: sweep-\w+ failed, see (.+)", printed)
    return Path(log).read_text()


@pytest.mark.slow
def test_each_experiment_is_a_job_whose_results_come_back_and_a_second_sweep_adds_what_is_missing(
    project: Project, tmp_path: Path
) -> None:
    printed = project.run("hotcold sweep rate=0.1,0.2,3 --jobs 2", succeeds=False)
    assert "3 experiments, 0 of them done" in printed
    assert "the rate is too high" in log_of(printed)
    found = sorted((each["rate"], each["loss"]) for each in results(project).values())
    assert found == [(0.1, pytest.approx(0.01)), (0.2, pytest.approx(0.04))]
    assert (tmp_path / "ran.txt").read_text() == "once\n"  # the jobs have it from the cache
    assert "3 experiments, 2 of them done" in project.run("hotcold sweep rate=0.1,0.2,0.3")
    printed = project.run("hotcold sweep rate=0.1 --target nope", succeeds=False)
    assert "'nope' does not exist" in log_of(printed)
    best = min(results(project).items(), key=lambda item: item[1]["loss"])[0]
    project.run(f"dvc exp apply {best}")
    assert (project.folder / "out.txt").read_text() == "0.1\n"
    assert [path.name for path in (project.folder / "plots").iterdir()] == ["0.1.csv"]
    project.run("git checkout -q .")
    project.edit("rate**2", "rate", "score.py")  # not committed
    project.run("hotcold sweep rate=0.1")
    assert max(each["loss"] for each in results(project).values()) == pytest.approx(0.1)


@pytest.mark.slow
def test_a_shallow_clone_keeps_its_experiments(project: Project, tmp_path: Path) -> None:
    project.run("git commit -q --allow-empty -m second")
    clone = project.clone(tmp_path / "shallow", "--depth 1")
    for part in ("hotcold", "tools"):
        (clone.folder / part).symlink_to(ROOT / part)
    clone.run("dvc repro -q && hotcold sweep rate=0.1")
    assert [each["loss"] for each in results(clone).values()] == pytest.approx([0.01])


@pytest.mark.slow
def test_an_experiment_is_replaced_but_not_while_it_runs_whatever_git_is_set_to(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "hooks/pre-push"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / "config").write_text(
        f"[core]\nhooksPath = {hook.parent}\n[commit]\ngpgSign = true\n[push]\ngpgSign = true\n"
        "[user]\nname =\nuseConfigOnly = true\n[init]\ntemplateDir =\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.chdir(project.folder)
    with (
        jobs.alone(jobs.FOLDER / ".mine.lock", "it"),
        pytest.raises(UserError, match="the experiment mine is running already"),
    ):
        jobs.run_experiment("mine", ["rate=0.1"])
    for rate in (0.1, 0.2):
        jobs.run_experiment("mine", [f"rate={rate}"])
    assert [each["rate"] for each in results(project).values()] == [0.2]


@pytest.mark.parametrize("value", ["${nope}", "???", "glob(a*)", "[1", "{a: ${b}}"])
def test_a_setting_that_dvc_cannot_write_gets_a_sentence(tmp_path: Path, value: str) -> None:
    (tmp_path / "params.yaml").write_text("rate: 1\n")
    with pytest.raises(UserError, match=r"^[^\n]+$"):
        jobs.override(tmp_path / "params.yaml", [f"rate={value}"])


@pytest.mark.slurm
def test_jobs_run_on_the_nodes_of_slurm(project: Project) -> None:
    """tests/project/slurm.sh starts a Slurm of two nodes."""
    jobs = "--on slurm --job slurm_partition=all --job cpus_per_task=1"
    project.run(f"hotcold sweep rate=0.1,0.2,0.3,0.4 {jobs}")
    found = results(project).values()
    assert sorted(each["loss"] for each in found) == pytest.approx([0.01, 0.04, 0.09, 0.16])
    assert {each["node"] for each in found} == {"n1", "n2"}


def test_a_cluster_that_refuses_jobs_gets_a_sentence(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sbatch", "srun"):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text("#!/bin/sh\necho 'no controller' >&2\nexit 1\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(UserError, match=r"failed: no controller.*; sweep-.* failed: no controller"):
        sweep.main(["rate=1,2", "--on", "slurm", "--jobs", "1"], standalone_mode=False)


def test_wrong_command_line_is_refused_before_any_job(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "run_experiment", None)  # a job would fail
    for arguments, sentence in (
        ("rate=1 +rate=2", "a key has two settings, must have one: separate its values by commas"),
        ("rat=1", "params.yaml: rat is missing (did you mean 'rate'?)"),
        ("rate=[1", "dvc exp run -S does not read rate=[1: "),
        ("rate=glob(*)", "dvc exp run -S does not read rate=glob(*): "),
        ("rate=1 --job nodess=2", "--job is nodess=2: Parameter 'nodess'"),
        ("rate=1 --job nodes=many", "--job is nodes=many: "),
    ):
        with pytest.raises(UserError, match=re.escape(sentence)):
            sweep.main(arguments.split(), standalone_mode=False)

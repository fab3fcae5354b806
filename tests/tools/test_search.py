"""A search by DVC experiments, in a small project of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE
from typing import Any
from unittest.mock import Mock

import dvc.api
import optuna
import pytest
import yaml
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from projects import COMMIT, Project, small

from hotcold.runtime.errors import UserError
from tools import search

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # in its own code

PARAMS = {"model": {"rate": 0.5, "kind": "plain", "hidden": [8, 8]}, "figures": {"dpi": 150}}
DVC = {
    "score": {
        "cmd": f"{sys.executable} score.py",
        "deps": ["score.py"],
        "params": ["model"],
        "metrics": [{"score.json": {"cache": False}}],
    },
    "study": {
        "cmd": """echo '{"model": {"steps": 7}}' > study.json""",
        "deps": ["score.json"],
        "metrics": [{"study.json": {"cache": False}}],
    },
}
SCORE = """
import json, os, pathlib, signal, sys, time, yaml
model = yaml.safe_load(open("params.yaml"))["model"]
if model["rate"] > 0.8:
    sys.exit("the rate is too high")
hold = pathlib.Path(os.environ["DVC_ROOT"], "scratch/resume/hold")
if hold.exists():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback
    hold.write_text(str(os.getpid()))
    time.sleep(60)
loss = (model["rate"] - 0.3) ** 2 + (model["kind"] != "plain")
json.dump({"model": {"loss": loss}}, open("score.json", "w"))
"""
RATE, KIND = "model.rate=0.0:1.0", "model.kind=plain|other"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a committed result."""
    project = small(tmp_path_factory.mktemp("search"), DVC, yaml.safe_dump(PARAMS), score=SCORE)
    project.run(f"dvc repro -q && {COMMIT}")
    return project


@pytest.fixture
def project(repository: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(repository.folder)
    return repository


def start(*arguments: str) -> None:
    """Run the command in this process."""
    search.main(arguments, standalone_mode=False)


def last_study() -> optuna.Study:
    """The study that was written last."""
    path = max(search.FOLDER.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
    return optuna.load_study(
        study_name=path.stem, storage=JournalStorage(JournalFileBackend(str(path)))
    )


def loss(rate: float, kind: str) -> float:
    return (rate - 0.3) ** 2 + (kind != "plain")


@pytest.mark.slow
def test_search_continues_after_a_failed_trial_and_its_best_trial_is_applied_by_dvc(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["model.loss", RATE, KIND, "--seed", "5", "--trials"]
    start(*command, "2")
    start(*command, "3")
    printed = capfd.readouterr().out
    assert printed.count("Running stage 'score'") == 3  # the second run has continued
    assert "best of 2 trials (1 failed)" in printed
    done: dict[str, dict[str, Any]] = {}
    study = last_study()
    for number, trial in enumerate(study.trials):
        name = f"search-{study.study_name}-{number}"
        rate, kind = trial.params["model.rate"], trial.params["model.kind"]
        assert (name in search.experiment_names()) == (rate <= 0.8)
        if rate <= 0.8:
            params = dvc.api.params_show(rev=name)["model"]
            assert (params["rate"], params["kind"]) == (rate, kind)
            assert trial.value == loss(rate, kind)
            done[name] = trial.params
        else:
            assert f"trial {number} failed" in printed
    best = min(done, key=lambda name: loss(*done[name].values()))
    assert printed.endswith(f"apply it by: dvc exp apply {best}\n")
    project.run(f"dvc -q exp apply {best}")
    assert project.json("score.json")["model"]["loss"] == loss(*done[best].values())
    # The workspace has other values of the keys now, but the search is the same.
    start(*command, "3")
    assert "Running stage 'score'" not in capfd.readouterr().out
    project.run("git checkout -q .")
    start("model.loss", KIND.replace("other", "plain"), "--trials", "2")
    assert "best of 2 trials\n" in capfd.readouterr().out  # with equal values


def test_other_settings_are_a_new_study(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def study(*keys: str, metric: str = "model.loss", target: str = "", most: bool = False) -> str:
        found = search.open_search(metric, keys, target or None, 0, most)
        return found.study.study_name

    first, keys = study(RATE, KIND), (RATE, KIND)
    others = {study(RATE), study(*keys, most=True), study(*keys, target="study")}
    others |= {study("model.rate=0:2", KIND), study(*keys, metric="model.steps", target="study")}
    project.edit("- 8", "- 9")
    others.add(study(*keys))
    project.edit("- 9", "- 8")
    project.edit("150", "200")  # the stage does not read it
    assert study(*keys) == first
    assert len({first, *others}) == 7
    monkeypatch.setattr(search, "experiment_names", lambda: {f"search-{first}-0"})
    (search.FOLDER / f"{first}.log").unlink()
    with pytest.raises(UserError, match=f"there are experiments search-{first}-..., but not their"):
        study(*keys)
    project.run("git checkout -q .")


def test_failures_in_a_row_end_a_search(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def fail(*arguments: Any, further: str) -> None:
        ran.append(arguments)
        raise UserError("the experiment failed")

    monkeypatch.setattr(search, "run_experiment", fail)
    with pytest.raises(UserError, match="3 trials failed one after another"):
        start("model.loss", RATE, "model.kind=plain")
    assert len(ran) == 3
    study = last_study()
    rate = study.trials[2].params["model.rate"]
    name, settings = f"search-{study.study_name}-2", [f"model.rate={rate}", "model.kind=plain"]
    assert ran[2] == (name, settings, "score")


@pytest.mark.slow
def test_interrupted_trial_ends_with_its_stage_and_is_repeated(project: Project) -> None:
    command = ["model.loss", "model.rate=0.0:0.5", "--trials", "1"]
    hold = project.folder / "scratch/resume/hold"
    hold.parent.mkdir(parents=True, exist_ok=True)
    hold.touch()
    background = ["bash", "-c", 'trap "" INT; exec hotcold search "$@"', "-"]  # it ignores SIGINT
    process = subprocess.Popen(
        [*background, *command], env=project.environment, stderr=PIPE, text=True
    )
    end = time.monotonic() + 60
    while not hold.read_text():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    stage = int(hold.read_text())
    with pytest.raises(UserError, match=r"the study model-loss-\w+ is running already"):
        start(*command)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)
    hold.unlink()
    start(*command)
    study = last_study()
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]
    assert f"search-{study.study_name}-0" in search.experiment_names()


def test_a_continued_search_draws_other_values(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[float] = []

    def experiment(own: search.Search, name: str, params: dict[str, Any]) -> float:
        ran.append(float(params["model.rate"]))
        return ran[-1]

    monkeypatch.setattr(search.Search, "run_experiment", experiment)
    for trials in (1, 7, 14):
        study = search.open_study(tmp_path / "study.log", 1, maximise=False)
        goal, key = search.Target("score", [], ["model"]), search.Key.parse(RATE)
        search.Search(study, "model.loss", goal, [key]).run(trials)
    assert len(study.trials) == len(set(ran)) == 14


@pytest.mark.parametrize(
    ("argument", "distribution"),
    [
        ("model.rate=1e-4:1", FloatDistribution(1e-4, 1.0)),
        ("model.rate=log:1e-5:1", FloatDistribution(1e-5, 1.0, log=True)),
        ("model.rate=1:9", IntDistribution(1, 9)),
        ("model.rate=log:2:64", IntDistribution(2, 64, log=True)),
        ("model.rate=-1:1", IntDistribution(-1, 1)),
        ("model.kind=a|b", CategoricalDistribution(["a", "b"])),
        ("model.hidden=[8,8]|[4]", CategoricalDistribution(["[8,8]", "[4]"])),
        ("model={a: 1}|{a: 2}", CategoricalDistribution(["{a: 1}", "{a: 2}"])),
        ("+model.new=null|1", CategoricalDistribution(["null", "1"])),
    ],
)
def test_values_of_a_key(project: Project, argument: str, distribution: BaseDistribution) -> None:
    key = search.Key.parse(argument)
    assert key.distribution == distribution
    name = argument.partition("=")[0].replace("+", "++")
    assert key.override(0.0001) == f"{name}=0.0001"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("model.rate", "'model.rate' must be KEY=LOW:HIGH, log:LOW:HIGH, A|B|C or a v"),
        ("model.rat=0:1", "model.rat is missing (did you mean 'rate'?)"),
        ("model.rate=1:0", "model.rate: '1:0' must have finite ends, the smaller one"),
        ("model.rate=0:inf", "'0:inf' must have finite ends"),
        ("model.rate=low:1", "model.rate: 'low:1' must be LOW:HIGH, log:LOW:HIGH"),
        ("model.rate=log:0:1", "must have finite ends, the smaller one first and above 0"),
        ("model.rate=1,2", "model.rate: '1,2' is not one value: separate several by |"),
        ("model.rate=1||2", "model.rate: '' is not one value"),
        ("model.hidden=[8|[4]", "model.hidden: '[8' is not a value that dvc exp run"),
        ("figures.dpi=1:9", "score does not depend on figures.dpi"),
        ("model.rate=0:1 --target scores", "--target is scores: Stage 'scores' not f"),
        ("model.rate=0:1 model.rate=2", "a key has two values, must have one"),
    ],
)
def test_wrong_command_line_is_refused_in_one_sentence_before_any_trial(
    project: Project, monkeypatch: pytest.MonkeyPatch, arguments: str, sentence: str
) -> None:
    monkeypatch.setattr(search.Search, "run_trial", None)
    with pytest.raises(UserError, match=re.escape(sentence)) as error:
        start("model.loss", *arguments.split())
    assert "\n" not in str(error.value)


def test_target_that_does_not_compute_the_metric_is_refused(project: Project) -> None:
    with pytest.raises(UserError, match=r"--target is score: model\.steps is computed by study"):
        start("model.steps", RATE, "--target", "score")


def test_search_without_a_commit_is_refused(inside: Path) -> None:
    project = small(inside, DVC, yaml.safe_dump(PARAMS))
    for sentence in ("Empty git", "Only supported for Git"):
        with pytest.raises(UserError, match=f"dvc cannot run experiments here: {sentence}"):
            start("model.loss", RATE, "--target", "score")
        project.run("rm -rf .git && dvc config core.no_scm true")


@pytest.mark.parametrize("metric", ["model.fid", "model.is", "model.psnr", "is", "model.this"])
def test_direction_follows_from_the_metric(
    metric: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(search, "open_search", lambda *given: asked.append(given) or Mock())
    start(metric, RATE)
    start(metric, RATE, "--maximise")
    assert [given[-1] for given in asked] == [metric.rpartition(".")[2] in ("is", "psnr"), True]


def test_metric_that_no_stage_has_written_ends_a_search(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = search.Target("score", ["score.json"], ["model"])
    study = search.open_study(project.folder / "study.log", 0, maximise=False)
    own = search.Search(study, "model.loss", goal, [search.Key.parse(RATE)])
    monkeypatch.setattr(search, "run_experiment", lambda *arguments, further: None)
    shown: dict[str, Any] = {"model": {"los": 1.0}}
    monkeypatch.setattr(dvc.api, "metrics_show", lambda *files, rev: shown)
    with pytest.raises(UserError, match=r"e has no metric model.loss \(did you mean 'model.los'"):
        own.run_experiment("e", {"model.rate": 0.5})
    with pytest.raises(UserError, match=r"no stage has computed model.lo \(did you mean 'model.l"):
        start("model.lo", RATE)
    shown = {"score.json:model": {"loss": 2}, "other.json:model": {"steps": 7}}
    assert own.run_experiment("e", {"model.rate": 0.5}) == 2

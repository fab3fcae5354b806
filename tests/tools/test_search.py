"""A search by DVC experiments, in a small project of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import dvc.api
import optuna
import pytest
import yaml
from conftest import ROOT
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from hotcold.runtime.errors import UserError
from tools import search

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # in its own code

PARAMS = {"model": {"rate": 0.5, "kind": "plain", "hidden": [8, 8]}, "figures": {"dpi": 150}}
DVC = {
    "stages": {
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
}
SCORE = """
import json, os, pathlib, signal, sys, time, yaml
model = yaml.safe_load(open("params.yaml"))["model"]
if model["rate"] > 0.8:
    sys.exit("the rate is too high")
hold = pathlib.Path(os.environ["DVC_ROOT"], "scratch/hold")
if hold.exists():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback
    hold.write_text(str(os.getpid()))
    time.sleep(60)
loss = (model["rate"] - 0.3) ** 2 + (model["kind"] != "plain")
json.dump({"model": {"loss": loss}}, open("score.json", "w"))
"""
RATE, KIND = "model.rate=0.0:1.0", "model.kind=plain|other"


def run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a committed result."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (folder / "dvc.yaml").write_text(yaml.safe_dump(DVC))
    (folder / "score.py").write_text(SCORE)
    (folder / ".gitignore").write_text("/scratch/\n/hotcold\n/tools\n")
    for name in ("hotcold", "tools"):
        (folder / name).symlink_to(ROOT / name)
    run(folder, "git", "init", "-q")
    for key, value in (("user.name", "t"), ("user.email", "t@example.org")):
        run(folder, "git", "config", key, value)
    run(folder, sys.executable, "-m", "dvc", "-q", "init")
    (folder / ".dvc/config").write_text("[core]\nanalytics = false\n")
    run(folder, sys.executable, "-m", "dvc", "-q", "repro")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "start")
    return folder


@pytest.fixture
def project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    return repository


def start(*arguments: str) -> None:
    """Run the command in this process."""
    search.main(arguments, standalone_mode=False)


def load_study(name: str) -> optuna.Study:
    backend = JournalFileBackend(str(search.FOLDER / f"{name}.log"))
    return optuna.load_study(study_name=name, storage=JournalStorage(backend))


def loss(rate: float, kind: str) -> float:
    return (rate - 0.3) ** 2 + (kind != "plain")


@pytest.mark.slow
def test_search_continues_after_a_failed_trial_and_its_best_trial_is_applied_by_dvc(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["model.loss", RATE, KIND, "--seed", "5", "--trials"]
    start(*command, "2")
    start(*command, "3")
    printed = capfd.readouterr().out
    assert printed.count("Reproducing experiment") == 3  # the second run has continued
    assert "best of 2 trials (1 failed)" in printed
    names = search.experiment_names()
    done: dict[str, dict[str, Any]] = {}
    for number, trial in enumerate(load_study("model-loss").trials):
        name = f"search-model-loss-{number}"
        rate, kind = trial.params["model.rate"], trial.params["model.kind"]
        assert (name in names) == (rate <= 0.8)
        if name in names:
            params = dvc.api.params_show(rev=name)["model"]
            assert (params["rate"], params["kind"]) == (rate, kind)
            assert trial.value == loss(rate, kind)
            done[name] = trial.params
        else:
            assert trial.state == TrialState.FAIL
            assert f"trial {number} failed" in printed
    assert len(done) == 2
    best = min(done, key=lambda name: loss(*done[name].values()))
    assert printed.count(f"apply it by: dvc exp apply {best}\n") >= 1
    run(project, sys.executable, "-m", "dvc", "-q", "exp", "apply", best)
    model = yaml.safe_load((project / "params.yaml").read_text())["model"]
    assert {"model.rate": model["rate"], "model.kind": model["kind"]} == done[best]
    assert json.loads((project / "score.json").read_text())["model"]["loss"] == loss(
        model["rate"], model["kind"]
    )
    # The workspace has other values of the keys now, but the search is the same.
    start(*command, "3")
    assert "Reproducing experiment" not in capfd.readouterr().out
    run(project, "git", "checkout", "-q", ".")


def test_only_the_search_of_the_study_is_continued(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["model.loss", RATE, KIND, "--study", "mine", "--trials", "1"]
    monkeypatch.setattr(search, "run_dvc", lambda *arguments: False)
    with pytest.raises(UserError, match="no trial of mine has succeeded"):
        start(*command)
    path = project / "params.yaml"
    text = path.read_text()
    path.write_text(text.replace("150", "200"))  # the stage does not read it
    with pytest.raises(UserError, match="no trial of mine has succeeded"):
        start(*command)
    path.write_text(text.replace("- 8", "- 9"))
    with pytest.raises(UserError, match=re.escape("mine has params.model.hidden = [8, 8], not [9")):
        start(*command)
    path.write_text(text)
    for arguments, sentence in (
        ([RATE], "mine has search.model.kind = plain|other, not None: choose another name"),
        ([RATE, "model.kind=plain|else"], "search.model.kind = plain|other, not plain|else"),
        ([RATE, KIND, "--maximise"], "has maximise = False, not True"),
        ([RATE, KIND, "--target", "study"], "has target = score, not study"),
    ):
        with pytest.raises(UserError, match=re.escape(sentence)):
            start("model.loss", *arguments, "--study", "mine")
    with pytest.raises(UserError, match=r"mine has metric = model.loss, not model.steps"):
        start("model.steps", *command[1:])


def test_several_failures_in_a_row_end_a_search(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    monkeypatch.setattr(search, "run_dvc", lambda *arguments: bool(ran.append(arguments)))
    with pytest.raises(UserError, match="3 trials failed one after another"):
        start("model.loss", RATE, "model.kind=plain", "--study", "failures")
    rate = load_study("failures").trials[2].params["model.rate"]
    overrides = ["-S", f"model.rate={rate}", "-S", "model.kind=plain"]
    name = "search-failures-2"
    assert ran[2] == ("exp", "run", "--temp", "--name", name, *overrides, "score")


@pytest.mark.slow
def test_interrupted_trial_ends_with_its_stage_and_is_repeated(project: Path) -> None:
    command = ["model.loss", "model.rate=0.0:0.5", "--study", "ended", "--trials", "1"]
    hold = project / "scratch/hold"
    hold.parent.mkdir(exist_ok=True)
    hold.touch()
    background = ["bash", "-c", 'trap "" INT; exec "$@"', "-"]  # it ignores SIGINT
    process = subprocess.Popen(
        [*background, sys.executable, "-m", "hotcold", "search", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not hold.read_text():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    stage = int(hold.read_text())
    with pytest.raises(UserError, match="the study ended is running already"):
        start(*command)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)
    hold.unlink()
    start(*command)
    (trial,) = load_study("ended").trials
    assert trial.state == TrialState.COMPLETE
    assert "search-ended-0" in search.experiment_names()


def test_values_that_were_tried_before_are_not_run_again_and_a_continued_search_draws_others(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[float] = []

    def experiment(own: search.Search, name: str, params: dict[str, Any]) -> float:
        ran.append(float(params["model.rate"]))
        return ran[-1]

    monkeypatch.setattr(search.Search, "run_experiment", experiment)
    for values, count in (("1|2|3", 3), ("0.0:1.0", 14)):
        ran.clear()
        for trials in (1, 7, 14):
            study = search.open_study(tmp_path / f"{count}.log", {}, 1, maximise=False)
            goal = search.Target("score", [], ["model"])
            key = search.Key.parse(f"model.rate={values}")
            search.Search(study, "model.loss", goal, [key]).run(trials)
        assert len(study.trials) == 14
        assert len(set(ran)) == len(ran) <= count
        assert len(ran) > 2


@pytest.mark.parametrize(
    ("argument", "distribution", "value", "override"),
    [
        ("model.rate=1e-4:1", FloatDistribution(1e-4, 1.0), 1e-4, "model.rate=0.0001"),
        ("model.rate=log:1e-5:1", FloatDistribution(1e-5, 1.0, log=True), 0.5, "model.rate=0.5"),
        ("model.rate=1:9", IntDistribution(1, 9), 3, "model.rate=3"),
        ("model.rate=log:2:64", IntDistribution(2, 64, log=True), 8, "model.rate=8"),
        ("model.rate=-1:1", IntDistribution(-1, 1), -1, "model.rate=-1"),
        ("model.kind=a|b", CategoricalDistribution(["a", "b"]), "b", "model.kind=b"),
        (
            "model.hidden=[8,8]|[4]",
            CategoricalDistribution(["[8,8]", "[4]"]),
            "[4]",
            "model.hidden=[4]",
        ),
        (
            "model={a: 1}|{a: 2}",
            CategoricalDistribution(["{a: 1}", "{a: 2}"]),
            "{a: 2}",
            "model={a: 2}",
        ),
        ("+model.new=null|1", CategoricalDistribution(["null", "1"]), "null", "++model.new=null"),
    ],
)
def test_values_of_a_key(
    project: Path, argument: str, distribution: BaseDistribution, value: Any, override: str
) -> None:
    key = search.Key.parse(argument)
    assert key.distribution == distribution
    assert key.override(value) == override


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("model.loss model.rate", "'model.rate' must be KEY=LOW:HIGH, log:LOW:HIGH, A|B|C or a v"),
        ("model.loss model.rat=0:1", "model.rat is missing (did you mean 'rate'?)"),
        ("model.loss model.rate=1:0", "model.rate: '1:0' must have finite ends, the smaller one"),
        ("model.loss model.rate=0:inf", "'0:inf' must have finite ends"),
        ("model.loss model.rate=low:1", "model.rate: 'low:1' must be LOW:HIGH, log:LOW:HIGH"),
        (
            "model.loss model.rate=log:0:1",
            "'log:0:1' must have finite ends, the smaller one first and above 0",
        ),
        ("model.loss model.rate=1,2", "model.rate: '1,2' is not one value: separate several by |"),
        ("model.loss model.rate=1||2", "model.rate: '' is not one value"),
        ("model.loss model.hidden=[8|[4]", "model.hidden: '[8' is not a value that dvc exp run"),
        (
            "model.los model.rate=0:1",
            "no stage has computed model.los (did you mean 'model.loss'?)",
        ),
        ("model.loss figures.dpi=1:9", "score does not depend on figures.dpi"),
        ("model.loss model.rate=0:1 --target scores", "--target is scores: Stage 'scores' not f"),
        ("model.loss model.rate=0:1 model.rate=2", "a key has two values, must have one"),
        ("model.loss model.rate=0:1 --study lost", "there are experiments search-lost-"),
    ],
)
def test_wrong_command_line_is_refused_in_one_sentence_before_any_trial(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, sentence: str
) -> None:
    monkeypatch.setattr(search.Search, "run_trial", None)
    monkeypatch.setattr(search, "experiment_names", lambda: {"search-lost-0", "search-lost-a-0"})
    with pytest.raises(UserError, match=re.escape(sentence)) as error:
        start(*arguments.split())
    assert "\n" not in str(error.value)


def test_search_without_a_commit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(DVC))
    monkeypatch.chdir(tmp_path)
    run(tmp_path, sys.executable, "-m", "dvc", "init", "-q", "--no-scm")
    for sentence in ("dvc cannot run experiments here: Only supported for Git", "here: Empty git"):
        with pytest.raises(UserError, match=sentence):
            start("model.loss", RATE, "--target", "score")
        run(tmp_path, "git", "init", "-q")
        (tmp_path / ".dvc/config").write_text("")


@pytest.mark.parametrize("metric", ["model.fid", "model.is", "model.psnr", "is", "model.this"])
def test_direction_follows_from_the_metric(
    metric: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(search, "open_search", lambda *given: asked.append(given) or Mock())
    start(metric, RATE)
    start(metric, RATE, "--maximise")
    assert [given[-1] for given in asked] == [metric.rpartition(".")[2] in ("is", "psnr"), True]


def test_metric_that_no_stage_has_written_ends_a_search(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = search.Target("score", ["score.json"], ["model"])
    study = search.open_study(project / "scratch/study.log", {}, 0, maximise=False)
    own = search.Search(study, "model.loss", goal, [search.Key.parse(RATE)])
    monkeypatch.setattr(search, "run_dvc", lambda *arguments: True)
    shown: dict[str, Any] = {"model": {"los": 1.0}}
    monkeypatch.setattr(dvc.api, "metrics_show", lambda *files, rev: shown)
    with pytest.raises(UserError, match=r"e has no metric model.loss \(did you mean 'model.los'"):
        own.run_experiment("e", {"model.rate": 0.5})
    shown = {"score.json:model": {"loss": 2}, "other.json:model": {"steps": 7}}
    assert own.run_experiment("e", {"model.rate": 0.5}) == 2

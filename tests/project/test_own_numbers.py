"""An experiment of DVC shows the scores that it computed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, TINY, run_stage, write_fake_mnist
from projects import Project

from hotcold.runtime import paths
from stages import download_inception, evaluate, evaluate_real, sample, train, train_classifier
from tools import experiments
from tools.copy_project import copy_project

pytestmark = pytest.mark.slow  # they share one experiment


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With the scores of two models, and `longer`, an experiment that trained one of them again."""
    folder = tmp_path_factory.mktemp("experiments") / "project"
    copy_project(folder, TINY)
    (folder / ".dvc/config.local").unlink()
    repository = Project(folder)
    repository.run("git init -q -b main")
    write_fake_mnist(folder / paths.MNIST)
    for stage in (download_inception, train_classifier, evaluate_real):  # without new processes
        run_stage(folder, stage)
    for model in TINY["models"]:
        for stage in (train, sample, evaluate):
            run_stage(folder, stage, model)
        repository.run(f"dvc commit --force --with-deps evaluate@{model}")
    assert repository.repro("evaluate@model2 evaluate@model4") == set()
    repository.run("dvc push && git add -A && git commit -q -m results")
    options = "--temp --name longer -S training.epochs=3"
    ran = repository.run(f"dvc exp run {options} evaluate@model2")
    assert "Running stage 'evaluate@model2'" in ran
    assert "model4" not in ran.split("Running stage", 2)[2]
    assert "'figures'" not in ran
    return repository


def test_metrics_not_computed_by_an_experiment_are_outdated(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.folder)
    found = {each.name: each for each in experiments.load()}
    main, longer = found["main"], found["longer"]
    assert main.is_baseline
    assert not longer.is_baseline
    assert not main.outdated
    assert not found["workspace"].outdated
    assert longer.settings["training.epochs"] == 3
    assert longer.metrics["model2.fid"] != main.metrics["model2.fid"]
    assert longer.metrics["real.fid"] == main.metrics["real.fid"]
    assert {name for name in main.metrics if name.startswith("model4.")} == longer.outdated


@pytest.mark.parametrize(
    ("file", "old", "new", "outdated"),
    [
        ("hotcold/metrics/scorer.py", "import", "# edited\nimport", {"model2.fid", "real.fid"}),
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.002", {"model2.fid", "loss"}),
        ("params.yaml", "dpi: 50", "dpi: 60", set()),
    ],
)
def test_edit_of_the_workspace_makes_metrics_outdated(
    repository: Project,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    old: str,
    new: str,
    outdated: set[str],
) -> None:
    monkeypatch.chdir(repository.folder)
    repository.edit(old, new, file)
    try:
        workspace = experiments.load()[0]
    finally:
        repository.run(f"git checkout -q {file}")
    names = {name.replace("model2.validation_loss", "loss") for name in workspace.outdated}
    assert names & {"model2.fid", "real.fid", "loss"} == outdated


def test_a_file_of_metrics_of_another_run_is_outdated(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `git checkout` without `dvc checkout`."""
    monkeypatch.chdir(repository.folder)
    path = repository.folder / "results/metrics/evaluate/model2.json"
    content = path.read_bytes()
    fid = json.loads(content)["model2"]["fid"]
    for other in (content.replace(str(fid).encode(), b"1.5"), b"<<<<<<< damaged"):
        path.unlink()  # it may be a link to the cache
        path.write_bytes(other)
        try:
            found = {each.name: each for each in experiments.load()}
        finally:
            path.unlink()
            path.write_bytes(content)
        assert "model2.fid" in found["workspace"].outdated
        assert "model2.fid" not in found["workspace"].metrics
        assert found["main"].metrics["model2.fid"] == pytest.approx(fid)


def test_ci_compares_the_metrics_of_a_pull_request_in_a_clone_without_results(
    repository: Project, tmp_path: Path
) -> None:
    """The branch replaces data/pretrained, as a commit of other results does."""
    repository.run("dvc exp branch longer branch && git checkout -q branch")
    shutil.rmtree(repository.folder / "data/pretrained")
    repository.run("dvc push && git add -A && git commit -q -m longer")
    repository.run(f"git clone -q . {tmp_path / 'clone'} && git checkout -q main")

    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    (script,) = [
        step["run"] for step in jobs["metrics"]["steps"] if "GITHUB" in step.get("run", "")
    ]
    printed = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tmp_path / "clone",
        env=repository.environment | {"GITHUB_BASE_REF": "main"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "| training.epochs | 2 " in printed
    cells = [[cell.strip() for cell in line.split("|")[2:-1]] for line in printed.splitlines()]
    changes = {row[0]: row[1:] for row in cells if row}
    assert changes["model2.best_epoch"] == ["2", "3", "1"]
    assert "model2.fid" in changes
    assert "model4." not in printed.partition("### Metrics")[2]

"""Models that come and go, clones of every kind, and the other recipes of docs/dvc.md.

The project has stages that do no work (stub_stage.py) and four small files as MNIST, so that a run
of DVC takes seconds.
"""

from __future__ import annotations

import hashlib
import shutil
from itertools import product
from pathlib import Path

import pytest
import stub_stage
import yaml
from conftest import ROOT, TINY
from projects import Project, ran

from hotcold.downloads.mnist import SHA256
from hotcold.runtime.params import load
from tools import leftovers
from tools.copy_project import copy_project

MNIST = {name: f"content of {name}".encode() for name in SHA256}
PAGE = (ROOT / "docs/dvc.md").read_text()
ARTIFACTS = {
    name: {"path": f"results/models/{name}", "type": "model", "desc": "tiny"}
    for name in TINY["models"]
}


def put_mnist(project: Project) -> None:
    (project.folder / "data/mnist").mkdir(parents=True, exist_ok=True)
    for name, content in MNIST.items():
        (project.folder / "data/mnist" / name).write_bytes(content)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository with committed results, in the remote that is a part of it."""
    folder = tmp_path_factory.mktemp("clones") / "origin"
    copy_project(folder, TINY)
    (folder / ".dvc/config.local").unlink()
    for path in (folder / "stages").glob("*.py"):
        if path.stem not in ("__init__", *stub_stage.REAL):
            shutil.copy(stub_stage.__file__, path)
    code = folder / "hotcold/downloads/mnist.py"
    text = code.read_text()
    for name, digest in SHA256.items():
        text = text.replace(digest, hashlib.sha256(MNIST[name]).hexdigest())
    code.write_text(text)
    pipeline = folder / "dvc.yaml"
    values = yaml.safe_load(pipeline.read_text()) | {"artifacts": ARTIFACTS}
    pipeline.write_text(yaml.safe_dump(values, sort_keys=False))
    project = Project(folder)
    put_mnist(project)
    project.run("git init -q -b main && git add -A && git commit -q -m start")
    project.run("dvc repro -q && dvc push -q && git add -A && git commit -q -m results")
    return project


@pytest.fixture
def clone(origin: Project, tmp_path: Path) -> Project:
    """A clone without any data."""
    return origin.clone(tmp_path / "clone")


@pytest.fixture
def complete(origin: Project, tmp_path: Path) -> Project:
    """A copy of the repository with all results and MNIST, and with a default remote of its own."""
    shutil.copytree(origin.folder, tmp_path / "complete")
    project = Project(tmp_path / "complete")
    project.run(f"dvc remote add -q --default store {tmp_path / 'store'}")
    project.run("git commit -q -a -m store && git init -q --bare -b main ../hub.git")
    project.run("git remote add origin ../hub.git")
    return project


def colleague(project: Project) -> Project:
    """A clone of what `complete` has committed and pushed."""
    project.run("dvc push -q && git push -q origin main")
    place = project.folder.parent
    return Project(place / "hub.git").clone(place / "colleague")


def runs_nothing(project: Project) -> bool:
    """Whether a clone with the results of its commit has all that it needs, and keeps it."""
    project.run("dvc pull --allow-missing")
    return project.repro("--pull --allow-missing") == set() and project.is_clean()


def md5(content: bytes) -> str:
    """The name of an object in a store of DVC."""
    name = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f"{name[:2]}/{name[2:]}"


def damage(path: Path) -> None:
    """Change a file that DVC has made read-only, as a disk can."""
    path.chmod(0o644)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    path.chmod(0o444)


@pytest.mark.slow
def test_merge_of_two_trainings_takes_the_results_of_both_from_the_cache(complete: Project) -> None:
    complete.run("git checkout -q -b other")
    for branch, model, rate in (("other", "model4", "0.0003"), ("main", "model2", "0.0004")):
        complete.run(f"git checkout -q {branch} && dvc checkout -q")
        models = load(complete.folder / "params.yaml")["models"]
        models[model]["training"]["learning_rate"] = float(rate)
        complete.set_models(models)
        assert f"train@{model}" in complete.repro()
        complete.run("git add -A && git commit -q -m rate")
    assert "Merge conflict in dvc.lock" in complete.run("git merge other", succeeds=False)
    complete.run("git checkout --ours dvc.lock report")
    assert complete.repro() <= {"check_params", "figures", "report"}
    complete.run('git add -A && git commit -q -m "Merge"')
    lock = load(complete.folder / "dvc.lock")["stages"]
    for branch, name in (("other", "train@model4"), ("HEAD~1", "train@model2")):
        of_branch = yaml.safe_load(complete.run(f"git show {branch}:dvc.lock"))["stages"][name]
        assert [out["md5"] for out in lock[name]["outs"]] == [o["md5"] for o in of_branch["outs"]]


# Models come and go.


def has_trace(project: Project, model: str) -> bool:
    """Whether results, the report or dvc.lock mention a model."""
    report = {str(path) for path in (project.folder / "report").rglob(f"*{model}*")}
    lock = (project.folder / "dvc.lock").read_text()
    return model in lock or any(model in name for name in project.results() | report)


@pytest.mark.slow
def test_models_that_go_leave_nothing_behind_and_return_without_work(complete: Project) -> None:
    params = complete.folder / "params.yaml"
    text, before, models = params.read_text(), complete.results(), load(params)["models"]
    complete.set_models({"renamed": models["model4"]})
    output = complete.run("dvc repro")
    new = {
        f"{stage}@renamed" for stage in ("train", "sample", "evaluate", "step_study", "likelihood")
    }
    assert ran(output) == {"check_params", "figures", "report"} | new
    assert "results/models/model4 is not of a model in params.yaml: moved to scratch" in output
    assert "dvc.yaml: the artifact model4 is not of a model: delete its line" in output
    assert (complete.folder / "scratch/removed/results/models/model4/part.txt").exists()
    assert "up to date" in complete.run("dvc status")
    complete.run('git add -A && git commit -q -m "Without model2"')
    other = colleague(complete)
    assert runs_nothing(other)
    assert other.results() == complete.results()
    for project, model in product((complete, other), models):
        assert not has_trace(project, model)
    params.write_text(text)
    assert complete.repro() <= {"check_params", "figures", "report"}  # others by the run cache
    assert complete.results() == before


def test_leftovers_are_only_what_no_model_wrote(inside: Path) -> None:
    outputs = {
        "train@a": [Path("results/models/a"), Path("results/metrics/train/a.json")],
        "real": [Path("results/real/scores.json")],
    }
    for path in (*outputs["train@a"], "results/models/b", "results/real/other.json"):
        Path(path).mkdir(parents=True)
    assert leftovers.strays(outputs) == [Path("results/models/b")]
    first = leftovers.put_away(Path("results/models/b"))
    Path("results/models/b").mkdir()
    (Path("results/models/b") / "file").touch()
    assert leftovers.put_away(Path("results/models/b")) == first
    assert (first / "file").exists()
    assert leftovers.forget(["train@a"]) == []  # there is no dvc.lock


# Clones of every kind.


@pytest.mark.slow
def test_shallow_clone_with_autocrlf_and_its_worktree_differ_in_nothing(
    origin: Project, tmp_path: Path
) -> None:
    clone = origin.clone(tmp_path / "clone", "--depth 1 -c core.autocrlf=true")
    assert b"\r\n" not in (clone.folder / "params.yaml").read_bytes()
    clone.run("git add --renormalize .")
    assert runs_nothing(clone)
    clone.run(f"git worktree add -q {tmp_path / 'worktree'} -b other")
    assert runs_nothing(Project(tmp_path / "worktree"))


@pytest.mark.slow
def test_damaged_file_of_the_committed_remote_is_not_used(origin: Project, clone: Project) -> None:
    model = "results/models/model2/part.txt"
    damage(clone.folder / "data/pretrained/files/md5" / md5((origin.folder / model).read_bytes()))
    clone.run("dvc pull --allow-missing")
    assert clone.results() == origin.results() - {model}
    assert "results/models/model2" in clone.run("dvc status")


def test_every_committed_object_has_the_hash_that_is_its_name() -> None:
    objects = [p for p in (ROOT / "data/pretrained/files/md5").rglob("*") if p.is_file()]
    assert objects
    for path in objects:
        name = f"{path.parent.name}/{path.name.removesuffix('.dir')}"
        assert md5(path.read_bytes()) == name, path


def test_artifacts_are_the_models() -> None:
    artifacts = load(ROOT / "dvc.yaml")["artifacts"]
    assert list(artifacts) == list(load(ROOT / "params.yaml")["models"])
    for name, artifact in artifacts.items():
        assert artifact["path"] == f"results/models/{name}"
        assert artifact["type"] == "model"
        assert artifact["desc"]


# The other recipes; these take minutes.


@pytest.mark.readme
def test_experiment_without_a_model_has_no_record_of_it_and_a_commit_brings_it_back(
    complete: Project,
) -> None:
    before = complete.results()
    complete.run("dvc push -q")
    complete.run("dvc exp run -S '~models.model4'")
    assert not has_trace(complete, "model4")
    assert "up to date" in complete.run("dvc status")
    complete.run("git add -A && git commit -q -m without")
    other = colleague(complete)
    assert runs_nothing(other)
    other.run("git checkout HEAD~1 -- params.yaml dvc.yaml dvc.lock report")
    other.run("dvc pull --allow-missing")
    assert other.repro("--pull --allow-missing") == set()
    assert other.results() == before


@pytest.mark.readme
def test_change_of_a_sampler_in_a_clone_runs_what_depends_on_it(clone: Project) -> None:
    assert "data/mnist_idx" in clone.run("dvc pull", succeeds=False)
    alone = clone.results()
    assert runs_nothing(clone)
    assert clone.results() == alone
    clone.edit("start: validation", "start: train")
    missing = clone.run("dvc repro --pull --allow-missing", succeeds=False)
    assert "failed to reproduce 'sample@model4'" in missing
    put_mnist(clone)
    stages = clone.repro("--pull") - {"download", "download_inception"}
    assert stages == {"sample@model4", "evaluate@model4", "figures", "report"}


@pytest.mark.readme
def test_damaged_files_are_found_in_the_cache(complete: Project) -> None:
    model = "results/models/model4/part.txt"
    content = (complete.folder / model).read_bytes()
    other = colleague(complete)
    other.run("dvc pull --allow-missing")
    cached = other.folder / f".dvc/cache/files/md5/{md5(content)}"
    damage(cached)
    (other.folder / model).unlink()
    other.run("dvc checkout --allow-missing")
    assert (other.folder / model).read_bytes() == cached.read_bytes() != content
    check = next(line for line in PAGE.splitlines() if line.startswith("find .dvc/cache"))
    output = other.run(check, succeeds=False)
    assert output.splitlines()[0] == f"{cached.relative_to(other.folder)}: FAILED"
    cached.unlink()
    shutil.rmtree((other.folder / model).parent)
    other.run("dvc pull --allow-missing")
    assert (other.folder / model).read_bytes() == content
    assert other.run(check) == ""


@pytest.mark.readme
def test_model_comes_from_the_address_of_the_repository(
    origin: Project, complete: Project, tmp_path: Path
) -> None:
    """With its remote from git; a model with a tag as an artifact, too."""
    hub, address = tmp_path / "address.git", f"file://{tmp_path / 'address.git'}"
    origin.run(f"git clone -q --bare . {hub}")
    user = Project(tmp_path / "user")
    user.folder.mkdir()
    user.run(f"dvc get {address} data/pretrained")
    remote = "--remote-config url=$PWD/pretrained"
    user.run(f"dvc get {address} results/models/model4 {remote}")
    assert (user.folder / "model4/part.txt").exists()
    user.run(f'git clone -q {hub} clone && cd clone && git tag -a model2@v1.0.0 -m "First version"')
    user.run("cd clone && git push origin model2@v1.0.0")
    user.run(f"dvc artifacts get {address} model2 {remote}")
    assert (user.folder / "model2/part.txt").exists()
    code = (
        "import os, dvc.api; print(dvc.api.read('results/models/model4/part.txt', "
        f"repo='{address}', remote_config={{'url': os.getcwd() + '/pretrained'}}))"
    )
    assert (user.folder / "model4/part.txt").read_text() in user.run(f'python -c "{code}"')
    user.run("dvc get clone results/models/model2 --out of_clone")
    # From a default remote that is no part of the repository.
    complete.run("dvc push -q && git push -q origin main")
    user.run(f"dvc get file://{tmp_path / 'hub.git'} results/models/model2 --out of_store")
    assert (user.folder / "of_store/part.txt").exists()

"""The commit that the report names, in repositories of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import Project

from hotcold.reporting.reading import provenance
from hotcold.reporting.reading.sources import MEASURED
from hotcold.runs.records import UNKNOWN, VERSIONS, Record


def commit_file(project: Project, name: str) -> str:
    """Change a file and commit it; the first ten digits of the commit."""
    with (project.folder / name).open("a") as file:
        file.write("changed\n")
    project.run(f"git add -A && git commit -q -m 'changed {name}'")
    return project.run("git rev-parse HEAD")[:10]


def named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    return provenance.commit()


def test_commit_is_the_last_one_that_changed_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    (origin / "hotcold").mkdir(parents=True)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert named(origin, monkeypatch) == "none: not a git repository"
    project = Project(origin)
    project.run("git init -q")
    commit_file(project, "README.md")
    assert named(origin, monkeypatch) == "none yet"
    commit_file(project, "params.yaml")
    last = commit_file(project, "hotcold/code.py")
    head = commit_file(project, "README.md")
    assert named(origin, monkeypatch) == last
    for depth, expected in ((1, head), (2, last), (3, last), (9, last)):
        clone = project.clone(tmp_path / f"depth_{depth}", f"--depth {depth}")
        assert named(clone.folder, monkeypatch) == expected
    monkeypatch.chdir(origin)
    rows = [{"commit": commit} for commit in (last, f"{last} with uncommitted changes", "deadbeef")]
    expected = ["deadbeef (not in this repository)", last, f"{last} with uncommitted changes"]
    assert provenance.measured(rows) == sorted(expected)
    (origin / MEASURED).mkdir(parents=True)
    (origin / MEASURED / "seeds.csv").touch()
    assert provenance.measured(rows[:1]) == [last, "with uncommitted rows"]
    (origin / "report/published").mkdir()
    (origin / "report/published/scores.yaml").touch()
    assert named(origin, monkeypatch) == last
    assert provenance.commit(*provenance.TEXTS) == f"{last} with uncommitted changes"
    (origin / "params.yaml").write_text("edited")
    assert named(origin, monkeypatch) == f"{last} with uncommitted changes"


def test_an_environment_is_told_as_far_as_it_is_recorded() -> None:
    parts: dict[str, Any] = dict.fromkeys((*VERSIONS, "cpu", "system", "python"), UNKNOWN)
    parts |= {"params": {}, "inputs": {}, "outputs": {}, "device": "CPU with 1 threads"}
    parts |= {"precision": "float32", "torch": "2.13.0", "processes": UNKNOWN}
    words = "CPU with 1 thread, float32, torch 2.13.0"
    assert provenance.words(Record(**parts)) == words
    assert provenance.words(Record(**parts | {"processes": 2})) == f"2 × {words}"
    nothing = parts | dict.fromkeys(("device", "precision", "torch"), UNKNOWN)
    assert provenance.words(Record(**nothing)) == UNKNOWN

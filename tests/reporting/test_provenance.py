"""The commit that the report names, in repositories of every kind."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from hotcold.reporting.reading import provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit_file(folder: Path, name: str) -> str:
    """Change a file and commit it; the first ten digits of the commit."""
    with (folder / name).open("a") as file:
        file.write("changed\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", f"changed {name}")
    return git(folder, "rev-parse", "HEAD")[:10]


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
    git(origin, "init", "-q")
    commit_file(origin, "README.md")
    assert named(origin, monkeypatch) == "none yet"
    commit_file(origin, "params.yaml")
    last = commit_file(origin, "hotcold/code.py")
    commit_file(origin, "README.md")
    assert named(origin, monkeypatch) == last
    shallow = "unknown: the clone is shallow"
    for depth, expected in ((1, shallow), (2, shallow), (3, last), (9, last)):
        clone = tmp_path / f"depth_{depth}"
        git(tmp_path, "clone", "-q", "--depth", str(depth), f"file://{origin}", str(clone))
        assert named(clone, monkeypatch) == expected
    (origin / "params.yaml").write_text("edited")
    assert named(origin, monkeypatch) == f"{last} with uncommitted changes"


def test_one_thread_is_singular() -> None:
    run = {"processes": 1, "precision": "float32", "system": "Linux", "python": "3", "torch": "2"}
    models = [
        SimpleNamespace(name=str(n), run=run | {"device": f"CPU with {n} threads"}) for n in (1, 11)
    ]
    words = list(provenance.trained_on(models))
    assert [each.partition(",")[0] for each in words] == [
        "CPU with 1 thread",
        "CPU with 11 threads",
    ]

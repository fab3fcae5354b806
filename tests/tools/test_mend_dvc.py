"""What an interrupted dvc left half written is mended, and nothing else is touched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

from hotcold.runtime.errors import UserError
from tools.mend_dvc import mend

LOCK = (ROOT / "dvc.lock").read_text().partition("  train@model5:\n")[0]
OUTS = LOCK.index("    outs:\n", LOCK.index("  train@model3:\n"))
CUTS = [0, 10, 25, 500, OUTS, OUTS + len("    outs:\n"), len(LOCK) - 1]


def commit(folder: Path, text: str) -> None:
    (folder / "dvc.lock").write_text(text)
    for command in (("init", "-q"), ("add", "dvc.lock"), ("commit", "-q", "-m", "all")):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *author, *command], cwd=folder, check=True)


def test_whole_or_missing_lock_is_not_touched(tmp_path: Path) -> None:
    assert mend(tmp_path) == []
    path = tmp_path / "dvc.lock"
    path.write_text(LOCK)
    assert mend(tmp_path) == []
    assert path.read_text() == LOCK


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("committed", [True, False])
def test_lock_that_is_cut_off_becomes_that_of_the_last_commit(
    tmp_path: Path, size: int, committed: bool
) -> None:
    path, other = tmp_path / "dvc.lock", LOCK.replace("size: ", "size: 1")  # of another run
    if committed:
        commit(tmp_path, LOCK)
    path.write_text(other[:size])
    assert mend(tmp_path) == [path]
    assert path.exists() == committed
    assert not committed or path.read_text() == LOCK
    assert (tmp_path / "scratch/removed/dvc.lock").read_text() == other[:size]


def test_conflict_of_git_is_named_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(f"<<<<<<< HEAD\n{LOCK}=======\n{LOCK}>>>>>>> other\n")
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"dvc\.lock has a conflict of git: git checkout --ours"):
        mend(tmp_path)
    assert path.read_bytes() == before


def test_lock_of_dvc_that_is_half_of_a_json_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert mend(tmp_path) == []
    path.write_text('{"/a/file": {"wri')
    assert mend(tmp_path) == [path]
    assert not path.exists()

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


def test_whole_or_missing_files_are_not_touched(tmp_path: Path) -> None:
    assert mend(tmp_path) == []
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/tmp/rwlock").write_text("{}")
    assert mend(tmp_path) == []
    assert (tmp_path / "dvc.lock").read_text() == LOCK


@pytest.mark.parametrize("size", CUTS)
def test_lock_that_is_cut_off_becomes_that_of_the_last_commit(tmp_path: Path, size: int) -> None:
    path, cut = tmp_path / "dvc.lock", LOCK.replace("size: ", "size: 1")[:size]  # of another run
    for committed in (False, True):
        path.write_text(cut)
        assert mend(tmp_path) == [path]
        assert path.exists() == committed
        assert (tmp_path / "scratch/removed/dvc.lock").read_text() == cut
        path.write_text(LOCK)
        identity = "git -c user.name=a -c user.email=a@example.org"
        commit = f"git init -q && git add dvc.lock && {identity} commit -q --allow-empty -m all"
        subprocess.run(["bash", "-euc", commit], cwd=tmp_path, check=True)
    assert path.read_text() == LOCK


def test_conflict_of_git_is_named_and_kept(tmp_path: Path) -> None:
    path, content = tmp_path / "dvc.lock", f"<<<<<<< HEAD\n{LOCK}=======\n{LOCK}>>>>>>> other\n"
    path.write_text(content)
    with pytest.raises(UserError, match=r"dvc\.lock has a conflict of git: git checkout --ours"):
        mend(tmp_path)
    assert path.read_text() == content

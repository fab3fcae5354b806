"""What an interrupted dvc left half written is mended, and nothing else is touched."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT

from hotcold.runtime.errors import UserError
from hotcold.runtime.params import parse
from tools.mend_dvc import is_lock, is_whole, mend

LOCK = (ROOT / "dvc.lock").read_text().partition("  train@model5:\n")[0]


def cut(folder: Path, size: int) -> Path:
    path = folder / "dvc.lock"
    path.write_text(LOCK[:size])
    return path


def test_whole_or_missing_lock_is_not_touched(tmp_path: Path) -> None:
    assert mend(tmp_path) == []
    path = cut(tmp_path, len(LOCK))
    assert mend(tmp_path) == []
    assert path.read_text() == LOCK


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.35, 0.61, 0.9, 0.999])
def test_complete_stages_of_a_cut_lock_are_kept(tmp_path: Path, share: float) -> None:
    stages = parse(LOCK)["stages"]
    for offset in range(12):  # the end of a line, a key without a value, half of a name, ...
        path = cut(tmp_path, int(share * len(LOCK)) + offset)
        mended = mend(tmp_path)
        assert mended == ([] if is_whole(LOCK[: int(share * len(LOCK)) + offset]) else [path])
        if not path.exists():  # not one stage was complete
            assert share < 0.05
            continue
        assert is_lock(path.read_text())
        kept = parse(path.read_text())["stages"]
        assert len(kept) >= (len(stages) - 4) * share
        complete = list(kept)[:-1] if not mended else list(kept)
        assert all(kept[name] == stages[name] for name in complete)


def test_lock_that_ends_before_the_outputs_of_a_stage_loses_that_stage(tmp_path: Path) -> None:
    end = LOCK.index("    outs:\n", LOCK.index("  train@model3:\n")) + len("    outs:\n")
    path = cut(tmp_path, end)
    assert not is_lock(path.read_text())
    assert mend(tmp_path) == [path]
    assert path.read_text() == LOCK[: LOCK.index("  train@model3:\n")]


def test_lock_of_dvc_that_is_half_of_a_json_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert mend(tmp_path) == []
    path.write_text('{"/a/file": {"wri')
    assert mend(tmp_path) == [path]
    assert not path.exists()


def test_stages_that_are_cut_off_are_those_of_the_last_commit(tmp_path: Path) -> None:
    path = cut(tmp_path, len(LOCK))
    for command in (("init", "-q"), ("add", "dvc.lock"), ("commit", "-q", "-m", "all")):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *author, *command], cwd=tmp_path, check=True)
    other = LOCK.replace("size: ", "size: 1")  # of another run
    for size in (0, 40, len(other) // 2, other.rindex("    outs:") + 9, len(other) - 1):
        changed = other[:size]
        path.write_text(changed)
        assert mend(tmp_path) == [path]
        assert (tmp_path / "scratch/removed/dvc.lock").read_text() == changed
        mended, before = parse(path.read_text())["stages"], parse(LOCK)["stages"]
        assert mended.keys() == before.keys()
        new = [name for name in mended if mended[name] != before[name]]
        assert len(new) >= changed.count("    outs:\n") - 2
        last = list(before)[-1]
        assert mended[last] == before[last]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("2.0", "3.0"),
        lambda text: text[:9000] + "\0garbage: [" * 90 + text[9000:],
        lambda text: "<<<<<<< HEAD\n" + text + "=======\n" + text + ">>>>>>> other\n",
        lambda text: text[:-40] + "<<<<<<< HEAD\n" + text[-40:] + "=======\n>>>>>>> other\n",
        lambda text: text.encode("utf-16").decode("latin-1"),
    ],
)
def test_lock_that_is_damaged_otherwise_is_named_and_kept(
    tmp_path: Path, damage: Callable[[str], str]
) -> None:
    path = cut(tmp_path, len(LOCK))
    path.write_text(damage(LOCK))
    before = path.read_bytes()
    with pytest.raises(
        UserError, match=r"dvc\.lock is damaged, and not cut off: correct it, or run git"
    ):
        mend(tmp_path)
    assert path.read_bytes() == before

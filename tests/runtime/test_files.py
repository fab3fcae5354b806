"""Writing and reading of files, also on a disk that fails."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hotcold.numerics import tables
from hotcold.runs import resume
from hotcold.runtime import errors, files, paths
from hotcold.runtime.errors import UserError


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_full_or_read_only_disk_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "file"
    files.write(path, b"good")

    def fail(number: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(SystemExit) as end:
        errors.run(lambda: files.write(path, b"half of it"))
    assert str(end.value).startswith(f"error: {path} could not be written or read: ")
    assert str(end.value).endswith("; correct that and run the command again")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"file": b"good"}


@pytest.mark.parametrize("work", [resume.replace, lambda _, target: files.empty_folder(target)])
def test_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path, Path], object]
) -> None:
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "file")

    monkeypatch.setattr(shutil, "copyfile", fail)
    monkeypatch.setattr(os, "unlink", fail)
    target = tmp_path / "target"
    with pytest.raises(SystemExit, match=rf"^error: {target}.* No space left on device") as end:
        errors.run(lambda: work(tmp_path / "source", target))
    assert str(end.value).endswith("; correct that and run the command again")


def test_other_errors_of_files_are_not_hidden() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        errors.run(lambda: os.fsync(os.pipe()[0]))


def test_json_and_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    tables.write_json(tmp_path / "a.json", {"α": [1, 2.5, None]})
    assert tables.read_json(tmp_path / "a.json") == {"α": [1, 2.5, None]}
    tables.write_csv(tmp_path / "a.csv", ("epoch", "loss"), [(1, "0.5"), (2, "0.25")])
    assert (tmp_path / "a.csv").read_bytes() == b"epoch,loss\n1,0.5\n2,0.25\n"
    assert tables.read_csv(tmp_path / "a.csv")[1] == {"epoch": "2", "loss": "0.25"}
    for read in (tables.read_json, tables.read_csv):
        with pytest.raises(UserError, match="nothing is missing: run dvc repro"):
            read(tmp_path / "nothing")


def test_folder_is_emptied(tmp_path: Path) -> None:
    for _ in range(2):
        folder = files.empty_folder(tmp_path / "a/b")
        assert list(folder.iterdir()) == []
        (folder / "file").write_text("of an earlier run")


def test_stage_whose_dvc_has_ended_writes_no_output_but_its_state(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(paths.REAL_SCORES, b"newer")
    monkeypatch.setattr(files, "is_orphaned", lambda: True)
    with pytest.raises(UserError, match="is not written, because the dvc that started"):
        files.write(paths.REAL_SCORES, b"older")
    with pytest.raises(UserError, match="is not written, because the dvc that started"):
        files.empty_folder(paths.REAL)
    assert paths.REAL_SCORES.read_bytes() == b"newer"
    files.write(inside / paths.RESUME / "state", b"an epoch")
    assert (inside / paths.RESUME / "state").read_bytes() == b"an epoch"

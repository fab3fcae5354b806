"""The path of a picture is checked before any work, and the picture is written whole or not."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from hotcold.runtime import errors, files
from hotcold.runtime.errors import UserError
from tools import generate, outputs, plot_sweep, restore
from tools.search import __main__ as search

PICTURE = Image.new("L", (28, 28), 7)
COMMANDS = [
    (generate, "model1"),
    (restore, "model3", "in.png"),
    (plot_sweep, "key", "metric"),
    (search, "metric", "key=0:1"),
]


def refusal(path: Path, *inputs: Path | None) -> str:
    with pytest.raises(UserError) as error:
        outputs.check(path, *inputs)
    return str(error.value)


def test_path_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.png").mkdir()
    assert refusal(Path("x.jpg")) == "--output is x.jpg, must end in .png"
    assert refusal(Path("no/x.png")) == "--output is no/x.png: there is no folder no"
    assert "is folder.png, which is a folder, must be a file" in refusal(Path("folder.png"))
    assert "where no file can be written: File name too long" in refusal(Path("x" * 300 + ".png"))
    outputs.check(Path("x.PNG"), None, Path("no.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a system without /proc")
def test_folder_that_takes_no_files_is_refused() -> None:
    """Its permissions do not tell."""
    assert refusal(Path("/proc/x.png")).startswith("--output is /proc/x.png, where no file can be")


def test_file_that_is_read_is_refused(tmp_path: Path) -> None:
    path, other, link = (tmp_path / f"{name}.png" for name in ("in", "other", "link"))
    PICTURE.save(path)
    PICTURE.save(other)
    os.link(path, link)
    outputs.check(other, path, None)
    for output in (path, tmp_path / "." / path.name, link):
        assert (
            refusal(output, None, path)
            == f"--output is {output}, which is read, must be another file"
        )


@pytest.mark.parametrize(("tool", "arguments"), [(tool, rest) for tool, *rest in COMMANDS])
def test_every_tool_checks_its_output_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: ModuleType, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("models: {model1: {}, model3: {}}")
    PICTURE.save("in.png")
    Path("folder.png").mkdir()
    monkeypatch.setattr(sys, "argv", ["tool", *arguments, "--output", "folder.png"])
    with pytest.raises(UserError, match=r"^--output is folder\.png, which is a folder"):
        tool.main()


def test_full_disk_keeps_the_earlier_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    outputs.write(path, PICTURE.save)
    before = path.read_bytes()
    assert Image.open(path).getpixel((3, 3)) == 7

    def fail(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", fail)
    sentence = re.escape(f"error: {path} could not be written or read: No space left on device")
    with pytest.raises(SystemExit, match=sentence):
        errors.run(lambda: outputs.write(path, Image.new("L", (9, 9)).save))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"x.png": before}

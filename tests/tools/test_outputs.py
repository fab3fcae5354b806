"""The path of a picture is checked before any work."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from hotcold.commands import generate, outputs, restore
from hotcold.runtime.errors import UserError
from tools import table

PICTURE = Image.new("L", (28, 28), 7)
COMMANDS = [
    (generate, "model1"),
    (restore, "model3", "in.png"),
    (table, "--plot", "key", "metric"),
]


def refusal(path: Path, *inputs: Path | None) -> str:
    with pytest.raises(UserError) as error:
        outputs.check(path, *inputs)
    return str(error.value)


def test_path_of_no_picture_or_no_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(Path("x.jpg")) == "--output is x.jpg, must end in .png"
    assert refusal(Path("no/x.png")) == "--output is no/x.png: there is no folder no"
    outputs.check(tmp_path / "x.PNG", None, Path("no.png"))
    assert not list(tmp_path.iterdir())


def test_file_that_is_read_is_refused(tmp_path: Path) -> None:
    path, link = tmp_path / "in.png", tmp_path / "link.png"
    link.symlink_to(path)
    outputs.check(tmp_path / "other.png", path, None)
    for output in (path, tmp_path / "." / path.name, link):
        expected = f"--output is {output}, which is read, must be another file"
        assert refusal(output, None, path) == expected


@pytest.mark.parametrize(("tool", "arguments"), [(tool, rest) for tool, *rest in COMMANDS])
def test_every_tool_checks_its_output_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: ModuleType, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("models: {model1: {}, model3: {}}")
    PICTURE.save("in.png")
    with pytest.raises(UserError, match=r"^--output is x\.jpg, must end in \.png"):
        tool.main([*arguments, "--output", "x.jpg"], standalone_mode=False)

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
COMMANDS = [(generate, "model1"), (restore, "model3", "in.png"), (table, "--plot", "key", "metric")]


def test_path_of_no_picture_of_no_folder_or_of_an_input_is_refused(tmp_path: Path) -> None:
    path, link = tmp_path / "in.png", tmp_path / "link.png"
    link.symlink_to(path)
    (folder := tmp_path / "folder.png").mkdir()
    outputs.check(tmp_path / "x.PNG", None, path)
    for output, sentence in (
        ("x.jpg", "x.jpg, must end in .png"),
        ("no/x.png", "no/x.png: there is no writable folder no"),
        (folder, f"{folder}, which is a folder, must be a file"),
        *((same, f"{same}, which is read, must be another file") for same in (path, link)),
    ):
        with pytest.raises(UserError) as error:
            outputs.check(Path(output), None, path)
        assert str(error.value) == f"--output is {sentence}"


@pytest.mark.parametrize(("tool", "arguments"), [(tool, rest) for tool, *rest in COMMANDS])
def test_every_tool_checks_its_output_before_any_work(
    inside: Path, tool: ModuleType, arguments: list[str]
) -> None:
    Path("params.yaml").write_text("models: {model1: {}, model3: {}}")
    PICTURE.save("in.png")
    with pytest.raises(UserError, match=r"^--output is x\.jpg, must end in \.png"):
        tool.main([*arguments, "--output", "x.jpg"], standalone_mode=False)

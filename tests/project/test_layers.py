"""A part of the library imports only what lies below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

LIBRARY, STAGES, TOOLS = ROOT / "hotcold", ROOT / "stages", ROOT / "tools"
LAYERS: dict[str, set[str]] = {  # part -> the parts that it may import
    "runtime": set(),
    "command_help": set(),
    "numerics": {"runtime"},
    "runs": {"runtime", "numerics"},
    "samples_file": {"runtime"},
    "scores": set(),
    "downloads": {"runtime"},
    "data": {"runtime"},
    "classifier": {"runtime", "numerics", "runs"},
    "models": {"runtime", "numerics"},
    "training": {"runtime", "numerics", "runs", "models"},
    "sampling": {"runtime", "numerics", "models"},
    "metrics": {"runtime", "numerics", "runs", "classifier", "scores"},
    "likelihood": {"runtime", "numerics", "runs", "models"},
    "reporting": {"runtime", "numerics", "models", "data", "samples_file", "scores"},
}
ABOVE_ALL = {"__init__", "params"}  # modules of the library that may import every part


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, at any depth of its code; of `from a import b` it is
    a.b, whether b is a module or not."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(part: str) -> list[Path]:
    """The modules of a part, which is a folder or a single module."""
    folder = LIBRARY / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def roots(path: Path) -> set[str]:
    """The first parts of the names that a module imports."""
    return {name.split(".")[0] for name in imported(path)}


def test_every_part_of_the_library_has_a_layer() -> None:
    folders = {path.parent.relative_to(LIBRARY).parts[0] for path in LIBRARY.glob("*/**/*.py")}
    single = {path.stem for path in LIBRARY.glob("*.py")} - ABOVE_ALL
    assert folders | single == set(LAYERS)


def test_what_lies_below_a_part_contains_what_lies_below_that() -> None:
    for part, below in LAYERS.items():
        assert part not in below
        assert all(LAYERS[other] <= below for other in below)


@pytest.mark.parametrize("part", LAYERS)
def test_part_imports_only_what_lies_below_it(part: str) -> None:
    for path in modules(part):
        names = [name for name in imported(path) if name.split(".")[0] == "hotcold"]
        parts = {name.split(".")[1] for name in names if "." in name}
        assert "hotcold" not in names, f"{path} imports all of the library"
        assert parts - {part} <= LAYERS[part], path


ROOMS: dict[str, set[str]] = {
    "reading": set(),
    "text": {"reading"},
    "figures": {"reading"},
    "page": {"reading"},
}  # of reporting -> the rooms that it may import


@pytest.mark.parametrize("room", ROOMS)
def test_room_of_reporting_imports_only_what_lies_below_it(room: str) -> None:
    folder = LIBRARY / "reporting"
    assert {path.parent.relative_to(folder).parts[0] for path in folder.glob("*/*.py")} == set(
        ROOMS
    )
    for path in modules(f"reporting/{room}"):
        names = [
            name.split(".") for name in imported(path) if name.startswith("hotcold.reporting.")
        ]
        assert {parts[2] for parts in names} - {room} <= ROOMS[room], path


@pytest.mark.parametrize(
    "path", sorted(LIBRARY.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_library_imports_neither_stages_nor_tools_nor_dvc(path: Path) -> None:
    assert not roots(path) & {"stages", "tools", "tests", "dvc", "dvclive"}


@pytest.mark.parametrize(
    "path", sorted(STAGES.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_stage_imports_neither_another_stage_nor_a_tool(path: Path) -> None:
    assert not roots(path) & {"stages", "tools", "tests"}


def test_packages_of_the_parts_are_empty() -> None:
    inits = [path for path in LIBRARY.rglob("__init__.py") if path.parent != LIBRARY]
    assert {path.parent.name for path in inits} >= {p for p in LAYERS if (LIBRARY / p).is_dir()}
    assert [path for path in inits if path.read_text()] == []


@pytest.mark.parametrize("package", [STAGES, TOOLS], ids=lambda p: p.name)
def test_packages_of_commands_contain_only_the_start_up(package: Path) -> None:
    body = ast.parse((package / "__init__.py").read_text()).body
    assert [ast.unparse(node) for node in body[1:]] == [
        "from hotcold import command_help",
        "from hotcold.runtime import startup",
        "startup.prepare()",
        "command_help.prepare()",
    ]

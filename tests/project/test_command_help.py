"""The help of every command comes without the packages that take long to import."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

COMMANDS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("stages", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text()
)
PRINT_ALL = f"""
import contextlib, io, json, runpy, sys
sys.argv = ["-m", "--help"]
helps = {{}}
for name in {COMMANDS}:
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        runpy.run_module(name, run_name="__main__")
    helps[name] = printed.getvalue()
from hotcold.command_help import SLOW, Empty
assert isinstance(sys.modules["torch"], Empty)
assert all(type(m) is Empty for name, m in sys.modules.items() if name.partition(".")[0] in SLOW)
print(json.dumps(helps))
"""


@pytest.fixture(scope="module")
def quick() -> dict[str, str]:
    """The help of every command, printed by a process that imports none of these packages."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_ALL],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80"},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_the_same_without_the_slow_packages(
    command: str,
    quick: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = importlib.import_module(command)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["-m", "--help"])
    with pytest.raises(SystemExit, match="0"):
        module.main()
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: python -m {command.removesuffix('.__main__')} [-h]")
    assert printed == quick[command]

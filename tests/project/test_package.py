"""The package: its command, which code it runs, and its wheel."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY
from projects import ENVIRONMENT

from hotcold import commands
from hotcold.models.model import DiffusionModel
from hotcold.runtime.params import load

COMMAND = "from hotcold.__main__ import main; main()"  # that of the console script


def hotcold(folder: Path, *arguments: str, code: int = 0, python: str = sys.executable) -> str:
    """The output of the installed command in a folder; for its import, ROOT is the installation."""
    path = {"PYTHONPATH": str(ROOT)} if python == sys.executable else {}
    done = subprocess.run(
        [python, "-c", f"import sys; sys.path.pop(0); {COMMAND}", *arguments],
        cwd=folder,
        env=os.environ | path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_command_runs_the_code_of_the_project_around_the_working_folder(tmp_path: Path) -> None:
    for name in ("hotcold", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    deep = tmp_path / "docs/images"
    deep.mkdir(parents=True)
    for module in ("hotcold/commands/generate.py", "tools/table.py"):
        (tmp_path / module).write_text('"""Another text."""\nraise RuntimeError(__file__)\n')
    shown = hotcold(deep, "--help")
    assert shown.count("Another text") == 2
    for name, module in (("generate", "hotcold/commands/generate.py"), ("table", "tools/table.py")):
        assert f"RuntimeError: {tmp_path / module}" in hotcold(deep, name, code=1)
    (deep / "x.npy").write_text("")
    assert hotcold(deep, "score", "x.npy", code=1).startswith("error: docs/images/x.npy is damaged")


def test_every_command_has_a_help_text_and_errors_of_one_sentence() -> None:
    lines = hotcold(ROOT / "docs", "--help").partition("Commands:")[2].splitlines()
    shown = {line.split()[0] for line in lines if line[2:3].strip()}
    assert shown >= {*commands.COMMANDS, "bench", "check", "search", "table", "vary"}
    for arguments, code, sentence in (
        (["tabel"], 1, "error: there is no command 'tabel' (did you mean 'table'?)\n"),
        (["generate", "model1", "--images", "0"], 2, "error: Invalid value for '--images': 0 is"),
        (["describe", "modell1"], 1, "error: params.yaml: models.modell1 is missing (did you mean"),
        (["search"], 2, "error: Missing argument 'METRIC'"),
    ):
        printed = hotcold(ROOT, *arguments, code=code)
        assert printed.startswith(sentence)
        assert printed.count("\n") == 1


def test_models_are_completed() -> None:
    known = {each.value for each in commands.Name().shell_complete(None, None, "model1")}
    assert known == {name for name in load(ROOT / "params.yaml")["models"] if "model1" in name}


@pytest.mark.slow
def test_wheel_generates_and_describes_models_without_the_repository(tmp_path: Path) -> None:
    """The libraries are those of this environment."""
    build = ["uv", "build", "--quiet", "--out-dir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, check=True, env=os.environ | ENVIRONMENT)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert names == {"hotcold", f"hotcold-{importlib.metadata.version('hotcold')}.dist-info"}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "libraries.pth").write_text("\n".join(p for p in sys.path if "-packages" in p))
    python = str(tmp_path / "venv/bin/python")
    model = DiffusionModel.build(TINY["models"]["model2"])
    folder = tmp_path / "elsewhere"
    model.save(folder / "mine/best.safetensors", torch.float32, epoch=1, validation_loss=0.5)

    def run(*arguments: str, code: int = 0) -> str:
        return hotcold(folder, *arguments, code=code, python=python)

    options = ("--weights", "mine")
    assert "generated.png: 3 images of mine, epoch 1, ancestral, in 6 steps" in run(
        "generate", "mine", "--images", "3", *options
    )
    assert (folder / "generated.png").exists()
    assert "mine generates images: Gaussian degradation in 6 steps" in run(
        "describe", "mine", *options
    )
    assert "after epoch 1, validation loss 0.50000" in run("describe", "model1", *options)
    assert "291,217" in run("describe", "model1")
    sentence = "error: outside of a project, --weights must name the folder of model1\n"
    assert run("generate", "model1", code=1) == sentence
    assert run("table", code=1) == "error: there is no command 'table' outside of a project\n"

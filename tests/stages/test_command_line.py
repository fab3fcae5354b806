"""The command line of every stage."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from conftest import ROOT


@pytest.mark.parametrize("stage", yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
def test_every_stage_has_a_help_text(stage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"usage: python -m stages.{stage} [-h]")
    assert f"dvc repro {stage}" in done.stdout


@pytest.mark.parametrize("stage", ["train", "sample", "evaluate", "step_study"])
def test_unknown_model_is_refused_in_one_sentence(stage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", "modell1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "modell1" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr

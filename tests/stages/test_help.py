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

"""The command line of every stage."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT

from hotcold.runtime.errors import UserError

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_help_text(
    stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["-m", "--help"])
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(f"stages.{stage}").main()
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: python -m stages.{stage} [-h]")
    assert f"dvc repro {stage}" in printed


@pytest.mark.parametrize("stage", [name for name in STAGES if "do" in STAGES[name]])
def test_unknown_model_is_refused(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["-m", "modell1"])
    with pytest.raises(UserError, match="modell1"):
        importlib.import_module(f"stages.{stage}").main()


def test_an_error_is_one_sentence_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stages.train", "modell1"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "modell1" in done.stderr
    assert done.stderr.count("\n") == 1


def test_stages_start_without_the_library_that_only_their_scores_need() -> None:
    modules = ", ".join(f"stages.{stage}" for stage in STAGES)
    line = f"import sys, {modules}; print([m for m in sys.modules if m == 'torchmetrics'])"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr

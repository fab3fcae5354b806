"""The comparison of the outputs of two runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from hotcold.runtime.errors import UserError
from tools.checks import compare_locks


def test_outputs_with_other_bytes_are_named(tmp_path: Path) -> None:
    lock = (ROOT / "dvc.lock").read_text()
    (tmp_path / "one").write_text(lock)
    md5 = compare_locks.outputs(tmp_path / "one")["results/models/model2"]
    (tmp_path / "two").write_text(lock.replace(f"md5: {md5}", "md5: 0"))

    def compare(one: str, two: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "tools.checks.compare_locks", tmp_path / one, tmp_path / two],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    assert compare("one", "two") == (1, "error: these outputs differ: results/models/model2\n")
    code, printed = compare("one", "one")
    assert code == 0
    assert printed.startswith("all ")


def test_times_of_training_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        outs = [
            {"path": "results/models/model1", "md5": "the same"},
            {"path": "results/times/model1.json", "md5": name},
        ]
        stages = {"train@model1": {"outs": outs}, "check_params": {"cmd": "has no outputs"}}
        (tmp_path / name).write_text(yaml.safe_dump({"stages": stages}))
    assert compare_locks.outputs(tmp_path / "one") == {"results/models/model1": "the same"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["compare_locks", "one", "two"])
    compare_locks.main()
    expected = "all 1 outputs have the same bytes; results/times is not compared\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("content", ["", "seed: 1", "stages: 3", "stages: {a: {outs: [1]}}", "\t{"])
def test_file_that_is_no_lock_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(UserError, match=r"dvc\.lock is not a dvc\.lock"):
        compare_locks.outputs(tmp_path / "dvc.lock")

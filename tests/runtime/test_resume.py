"""The state of interrupted runs: its key, its lock, and its parts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from hotcold.runs import resume
from hotcold.runs.resume import ResumableRun
from hotcold.runtime.sources import LOADED

pytestmark = pytest.mark.usefixtures("inside")


def test_key_depends_on_settings_data_code_and_build(monkeypatch: pytest.MonkeyPatch) -> None:
    x, path = torch.arange(4), Path("file")
    path.write_text("1")
    keys = [resume.key({"a": 1}, x, path), resume.key({"a": 2}, x, path)]
    assert resume.key({"a": 1}, x, path) == keys[0]
    keys.append(resume.key({"a": 1}, x + 1, path))
    path.write_text("2")
    keys.append(resume.key({"a": 1}, x, path))
    monkeypatch.setattr(torch.__config__, "show", lambda: "another build")
    keys.append(resume.key({"a": 1}, x, path))
    monkeypatch.setitem(LOADED, Path("hotcold/models/model.py"), "another source")
    keys.append(resume.key({"a": 1}, x, path))
    assert len(set(keys)) == len(keys) == 6


def test_second_run_with_the_same_key_prints_that_it_waits() -> None:
    program = (
        "from hotcold.runs.resume import ResumableRun\n"
        "with ResumableRun('train', 'm', 'k') as run:\n"
        "    run.save('state', {}, {}); print('entered', flush=True)"
    )
    with ResumableRun("train", "m", "k") as run:
        other = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        assert "waiting for another run of the same work" in other.stdout.readline()
        assert run.load("state") is None
        assert other.poll() is None
    assert "entered" in other.communicate(timeout=60)[0]
    assert other.returncode == 0


def test_commit_moves_files_and_folders_and_deletes_the_state(inside: Path) -> None:
    (inside / "models").mkdir()
    (inside / "models/old").write_text("of an earlier run")
    with ResumableRun("train", "m", "k") as run:
        run.save("state", {"x": torch.ones(1)}, {})
        (run.outputs / "weights").mkdir()
        (run.outputs / "weights/new").write_text("1")
        (run.outputs / "times.json").write_text("2")
        run.commit(
            {
                run.outputs / "weights": inside / "models",
                run.outputs / "times.json": inside / "times/m.json",
            }
        )
    assert [p.name for p in (inside / "models").iterdir()] == ["new"]
    assert (inside / "times/m.json").read_text() == "2"
    assert list((inside / "scratch/resume").iterdir()) == []

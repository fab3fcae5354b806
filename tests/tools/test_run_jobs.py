"""Stages that run at the same time have the results of a plain `dvc repro`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

# Two stages that cannot end unless both have started; meet.py fails if it waits too long.
MEET = """
import sys, time
from pathlib import Path
own, other = (Path(f"{name}.started") for name in sys.argv[1:])
own.touch()
end = time.monotonic() + 60
while not other.exists():
    if time.monotonic() > end:
        sys.exit(f"{other} did not appear")
    time.sleep(0.05)
Path(f"out_{sys.argv[1]}").write_text(Path("source").read_text() + sys.argv[1])
"""
STAGES = {
    "first": {"cmd": "cp input source", "deps": ["input"], "outs": ["source"]},
    "pair": {
        "foreach": {"a": "b", "b": "a"},
        "do": {
            "cmd": f"{sys.executable} meet.py ${{key}} ${{item}}",
            "deps": ["source", "meet.py"],
            "outs": ["out_${key}"],
        },
    },
    "last": {
        "cmd": "cat out_a out_b > all",
        "deps": ["out_a", "out_b"],
        "outs": ["all"],
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small separate project, without git."""
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, check=True
    )
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    (tmp_path / "params.yaml").touch()
    for name in ("hotcold", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "meet.py").write_text(MEET)
    (tmp_path / "input").write_text("input ")
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def jobs(folder: Path, count: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "hotcold", "run-jobs", count)


@pytest.mark.slow
def test_independent_stages_run_together_and_write_the_lock_of_a_plain_run(
    project: Path,
) -> None:
    done = jobs(project, "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "all").read_text() == "input ainput b"
    together = yaml.safe_load((project / "dvc.lock").read_text())

    (project / "dvc.lock").unlink()  # again by DVC alone; both files *.started exist now
    plain = run(project, "dvc", "repro", "--force")
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert yaml.safe_load((project / "dvc.lock").read_text()) == together


def test_failing_stage_shows_its_output_and_stops_the_run(project: Path) -> None:
    (project / "meet.py").write_text("import sys; sys.exit('no ' + sys.argv[1])")
    done = jobs(project, "2")
    assert done.returncode == 1
    assert "pair@a | no a" in done.stdout
    assert "error: pair@" in done.stderr
    assert not (project / "all").exists()


def test_number_of_jobs_below_one_is_refused(project: Path) -> None:
    done = jobs(project, "0")
    assert done.returncode == 2
    assert "error: Invalid value for 'JOBS': 0 is not in" in done.stderr

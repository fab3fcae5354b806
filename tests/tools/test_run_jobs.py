"""Stages run at the same time leave what a plain `dvc repro` leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

# Two items that cannot end unless both have started; `meet` fails where they wait too long.
MEET = """
import sys, time
from pathlib import Path
own, other = (Path(f"{name}.started") for name in sys.argv[1:])
own.touch()
end = time.monotonic() + 60
while not other.exists():
    if time.monotonic() > end:
        sys.exit(f"{other} never came")
    time.sleep(0.05)
Path(f"out_{sys.argv[1]}").write_text(Path("source").read_text() + sys.argv[1])
"""
STAGES = {
    "first": {"cmd": "cp given source", "deps": ["given"], "outs": ["source"]},
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
    """A small project of its own; no git."""
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, check=True
    )
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    (tmp_path / "meet.py").write_text(MEET)
    (tmp_path / "given").write_text("given ")
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=120
    )


def jobs(folder: Path, count: str) -> subprocess.CompletedProcess[str]:
    return run(folder, str(ROOT / "tools/run_jobs.py"), count)


def test_independent_stages_run_together_and_the_lock_is_that_of_a_plain_run(
    project: Path,
) -> None:
    done = jobs(project, "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "all").read_text() == "given agiven b"
    together = yaml.safe_load((project / "dvc.lock").read_text())

    (project / "dvc.lock").unlink()  # and once more by DVC alone; now both have "started"
    plain = run(project, "-m", "dvc", "repro", "--force")
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert yaml.safe_load((project / "dvc.lock").read_text()) == together


def test_a_failing_stage_fails_the_whole_and_shows_its_output(project: Path) -> None:
    (project / "meet.py").write_text("import sys; sys.exit('no ' + sys.argv[1])")
    done = jobs(project, "2")
    assert done.returncode == 1
    assert "pair@a | no a" in done.stdout
    assert "error: pair@" in done.stderr
    assert not (project / "all").exists()


def test_the_number_of_jobs_is_at_least_one(project: Path) -> None:
    done = jobs(project, "0")
    assert done.returncode == 2
    assert "JOBS is 0, must be 1 or more" in done.stderr

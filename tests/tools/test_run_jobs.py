"""Stages that run at the same time have the results of a plain `dvc repro`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
import yaml
from projects import Project, small

from tools import run_jobs

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
def project(tmp_path: Path) -> Project:
    (tmp_path / "input").write_text("input ")
    return small(tmp_path, STAGES, "", meet=MEET)


@pytest.mark.slow
def test_independent_stages_run_together_and_write_the_lock_of_a_plain_run(
    project: Project,
) -> None:
    project.run("hotcold run-jobs 2")
    assert (project.folder / "all").read_text() == "input ainput b"
    lock = project.folder / "dvc.lock"
    together = yaml.safe_load(lock.read_text())
    lock.unlink()  # again by DVC alone; both files *.started exist now
    project.run("dvc repro --force")
    assert yaml.safe_load(lock.read_text()) == together


def test_failing_stage_shows_its_output_and_stops_the_run(project: Project) -> None:
    (project.folder / "meet.py").write_text("import sys; sys.exit('no ' + sys.argv[1])")
    printed = project.run("hotcold run-jobs 2", succeeds=False)
    assert "pair@a | no a" in printed
    assert "error: pair@" in printed
    assert not (project.folder / "all").exists()
    with pytest.raises(click.BadParameter, match="0 is not in the range"):
        run_jobs.main(["0"], standalone_mode=False)

"""The copy of the project, and the pins of tools."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, parse
from tools.copy_project import copy_project, write_params


def test_copy_has_separate_params_and_no_results(tmp_path: Path) -> None:
    copy_project(tmp_path / "copy", {"training.epochs": 1})
    values = yaml.safe_load((tmp_path / "copy/params.yaml").read_text())
    assert values["training"]["epochs"] == 1
    assert values["training"]["batch_size"] == 128
    assert (tmp_path / "copy/stages/train.py").exists()
    for absent in ("dvc.lock", "report/report.md", "report/figures", "results", ".venv", ".git"):
        assert not (tmp_path / "copy" / absent).exists()


def test_copy_replaces_an_earlier_copy_and_nothing_else(tmp_path: Path) -> None:
    copy_project(tmp_path / "copy", {})
    (tmp_path / "copy/results").mkdir()
    for key in ("no.such.key", "seed.x", "training.epoch"):
        with pytest.raises(UserError, match=f"^params.yaml has no key {key}$"):
            copy_project(tmp_path / "copy", {key: 3})
    assert (tmp_path / "copy/results").exists()
    copy_project(tmp_path / "copy", {})
    assert not (tmp_path / "copy/results").exists()
    mine = tmp_path / "mine/thesis.tex"
    mine.parent.mkdir()
    mine.write_text("text")
    for folder in (mine.parent, tmp_path, ROOT, ROOT / "stages", ROOT.parent):
        with pytest.raises(UserError, match=re.escape(str(folder))):
            copy_project(folder, {})
    (tmp_path / "empty").mkdir()
    copy_project(tmp_path / "empty", {})
    assert mine.read_text() == "text"


def test_copy_of_params_that_dvc_has_rewritten_is_read_alike_by_all_readers(tmp_path: Path) -> None:
    """`dvc exp run -S` writes YAML 1.2: `off` is a string, `1e-05` a number."""
    folder, params = tmp_path / "copy", tmp_path / "copy/params.yaml"
    copy_project(folder, {})
    text = params.read_text().replace("use: 'off'", "use: off").replace("0.0002", "2e-04")
    values = parse(text)
    assert values["inception"]["use"] == "off"
    write_params(params, values)
    assert load(params) == values
    for read in (yaml.safe_load, YAML(typ="safe").load):  # YAML 1.1; that of DVC
        again = read(params.read_text())
        assert again["inception"]["use"] == "off"
        assert again["models"]["model1"]["training"]["learning_rate"] == 0.0002


def test_a_setting_of_an_experiment_changes_one_line_of_params(tmp_path: Path) -> None:
    """params.yaml has the format in which `dvc exp run -S` writes it."""
    path, text = tmp_path / "params.yaml", (ROOT / "params.yaml").read_text()
    path.write_text(text)
    apply_overrides(path, ["models.model5.sampler.eta=0.25"])
    pairs = zip(text.splitlines(), path.read_text().splitlines(), strict=True)
    (changed,) = [new for old, new in pairs if old != new]
    assert changed.strip() == "eta: 0.25"


def test_pre_commit_runs_the_pinned_ruff() -> None:
    pinned = re.findall(r"^ruff==\S+", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    by_pre_commit = [hook for hook in hooks if hook["language"] == "python"]
    assert [hook["additional_dependencies"] for hook in by_pre_commit] == [pinned, pinned]


def packages_of(constraints: str) -> list[str]:
    return re.split(r"^(?=\S)", constraints, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("name", ["Dockerfile", "Makefile", ".github/workflows/ci.yml"])
def test_installers_are_selected_with_their_hashes(name: str) -> None:
    text = (ROOT / name).read_text().replace("$$", "$")
    program = re.findall(r"awk '.*' constraints\.txt", text)[0]
    selected = packages_of(subprocess.check_output(["bash", "-c", program], cwd=ROOT, text=True))
    assert selected
    assert set(selected) <= set(packages_of((ROOT / "constraints.txt").read_text()))


def test_everything_that_is_fetched_is_pinned_by_its_content() -> None:
    packages = packages_of((ROOT / "constraints.txt").read_text())
    assert all(re.match(r"\S+==.*\\\n    --hash=sha256:[0-9a-f]{64}", each) for each in packages)
    workflows = "".join(p.read_text() for p in (ROOT / ".github/workflows").glob("*.yml"))
    assert re.findall(r"uses: \S+@(?![0-9a-f]{40} )", workflows) == []
    images = re.findall("^FROM (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert images
    assert all(re.search("@sha256:[0-9a-f]{64}$", image) for image in images)

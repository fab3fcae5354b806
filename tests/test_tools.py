"""The copy that `make quick` and these tests run in; devices; progress; the command line."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT
from packaging.specifiers import SpecifierSet

from diffusion.models.params import Model
from diffusion.params import Params
from diffusion.runtime import devices, progress, torchvision_ops
from diffusion.runtime.errors import UserError
from diffusion.runtime.params import load, validate
from tools import ablate
from tools.copy_project import copy_project, set_key
from tools.over_seeds import over_seeds


def test_a_copy_has_its_own_params_and_no_results(tmp_path: Path) -> None:
    before = (ROOT / "params.yaml").read_text()
    copy_project(tmp_path / "copy", {"training.epochs": 1})
    values = yaml.safe_load((tmp_path / "copy/params.yaml").read_text())
    assert values["training"]["epochs"] == 1
    assert values["training"]["batch_size"] == 128
    assert (ROOT / "params.yaml").read_text() == before
    assert (tmp_path / "copy/stages/train.py").exists()
    for absent in ("dvc.lock", "report/report.md", "report/figures", "results", ".venv", ".git"):
        assert not (tmp_path / "copy" / absent).exists()


def test_only_known_keys_can_be_set() -> None:
    with pytest.raises(KeyError, match=r"training\.epoch"):
        set_key({"training": {"epochs": 1}}, "training.epoch", 2)


def test_metrics_over_seeds_group_experiments_by_their_other_settings() -> None:
    def row(seed: int, rate: float, fid: float, state: str | None = "Success") -> dict[str, object]:
        return {
            "Experiment": f"e{seed}{rate}{state}",
            "State": state,
            "seed": seed,
            "models.model1.learning_rate": rate,
            "training.epochs": 5,
            "model1.fid": fid,
            "results/models": f"hash {fid}",
        }

    rows = [
        {"Experiment": None, "State": None, "seed": 42, "model1.fid": 99.0},  # the workspace
        row(1, 0.1, 10.0),
        row(2, 0.1, 12.0),
        row(2, 0.1, 12.0, None),  # the same again
        row(3, 0.1, 99.0, "Failed"),  # has the metrics of the commit it started from
        row(1, 0.2, 20.0),
    ]
    groups = over_seeds(rows, {"seed", "models", "training"}, {"model1.fid"})
    assert groups == {
        ("models.model1.learning_rate=0.1",): {"model1.fid": [10.0, 12.0]},
        ("models.model1.learning_rate=0.2",): {"model1.fid": [20.0]},
    }


def test_an_ablation_removes_one_part_at_a_time_and_tables_the_best_checkpoint() -> None:
    values = load(ROOT / "params.yaml")
    whole = validate(values, Params).models["model5"]
    for part in ablate.PARTS:
        block = copy.deepcopy(values["models"]["model5"])
        for option in ablate.overrides("model5", part)[1::2]:
            key, _, value = option.removeprefix("+").removeprefix("~").partition("=")
            *parents, last = key.removeprefix("models.model5.").split(".")
            place = block
            for parent in parents:
                place = place[parent]
            assert (last in place) != option.startswith("+")
            if option.startswith("~"):
                del place[last]
            else:
                read = yaml.safe_load(value)
                place[last] = tuple(map(float, read)) if last == "beta" else read
        block["network"] = {
            k: tuple(v) if type(v) is list else v for k, v in block["network"].items()
        }
        without = validate(block, Model)
        assert (without == whole) == (part == "the whole recipe")
    scores = {f"{key}{side}": 1.0 for key in ("fid", "is") for side in ("", "_below", "_above")}
    scores |= {"precision": 0.5, "recall": 0.25}
    checkpoints = [
        {"roles": ["last"], "main": "strided", "sets": {}},
        {"roles": ["best"], "main": "strided", "sets": {"strided": scores}},
    ]
    last = ablate.table({"independent t": checkpoints}).splitlines()[-1]
    assert last == "| independent t | 1 [0, 2] | 1 [0, 2] | 0.5 | 0.25 |"


def test_pre_commit_runs_the_pinned_ruff() -> None:
    pinned = re.findall(r"^ruff==\S+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert [hook["additional_dependencies"] for hook in hooks] == [pinned, pinned]


def test_container_and_conda_have_the_same_pins_and_a_python_that_they_serve() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert {"pip": ["-r requirements.txt"]} in conda
    python = next(line for line in conda if str(line).startswith("python="))
    supported = re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text())
    assert supported
    assert SpecifierSet(supported[1]).contains(python.removeprefix("python="))
    steps = (ROOT / "Dockerfile").read_text()
    assert "COPY --chown=1000 requirements.txt constraints.txt ./" in steps
    assert "uv pip install --python .venv/bin/python --requirement requirements.txt" in steps
    pinned = (ROOT / "requirements.txt").read_text().splitlines()
    assert pinned.count("-c constraints.txt") == 1


def test_torchvision_operators_are_declared_once_and_only_where_they_are_missing() -> None:
    for name, schema in torchvision_ops.SCHEMAS.items():
        before = getattr(torch.ops.torchvision, name).default._schema
        torchvision_ops.declare_missing()
        after = getattr(torch.ops.torchvision, name).default._schema
        assert str(before) == str(after) == f"torchvision::{name}{schema}"
    import torchvision.transforms.v2  # what a broken build could not do

    assert torchvision.transforms.v2.functional.to_dtype is not None


def test_the_device_can_be_chosen_and_a_wrong_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEVICE", "cpu")
    assert devices.device() == torch.device("cpu")
    monkeypatch.setenv("DEVICE", "gpu9")
    with pytest.raises(UserError, match="DEVICE is 'gpu9', must be cpu"):
        devices.device()


def test_precision_is_what_is_asked_and_auto_what_the_processor_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    assert devices.precision("float32", cpu) == torch.float32
    assert devices.precision("bfloat16", cpu) == torch.bfloat16
    for found, expected in (
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
        assert devices.precision("auto", cpu) == expected


def test_progress_is_line_wise_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Progress("train", 100) as bar:
        for _ in range(50):
            now[0] += 1
            bar.advance()
        bar.note("half done")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: 21 of 100, 01:19 left"
    assert lines[1:] == ["train: 42 of 100, 00:58 left", "half done"]


@pytest.mark.parametrize("stage", ["train", "sample", "evaluate", "compare_steps"])
def test_an_unknown_model_gets_one_sentence(stage: str) -> None:
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

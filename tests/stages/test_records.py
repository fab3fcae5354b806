"""Where results come from: records, their chain, and what must not change while a stage runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, TINY, prepare, run_stage

from hotcold.numerics import checkpoints
from hotcold.numerics.tables import read_json, write_json
from hotcold.runs import records, resume
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.sources import LOADED
from hotcold.training import fit
from stages import sample, train

Run = Callable[..., None]
TRAINED, SAMPLED = (paths.RECORDS / f"{stage}/model2.json" for stage in ("train", "sample"))
WEIGHTS = str(paths.MODELS / "model2")


@pytest.fixture
def run(inside: Path) -> Run:
    """Runs a stage of model2, in a folder where it is trained."""
    prepare(inside)
    run_stage(inside, train, "model2")
    return partial(run_stage, inside)


def test_a_record_names_code_settings_inputs_outputs_and_environment(run: Run) -> None:
    record, content = read_json(TRAINED), TRAINED.read_bytes()
    assert record["inputs"] == {"data/mnist_idx": records.sha256(paths.MNIST)}
    history, metrics = paths.history("model2"), paths.metrics("train", "model2")
    assert record["outputs"] == {
        str(path): records.sha256(path) for path in (Path(WEIGHTS), metrics, history)
    }
    assert record["params"]["models.model2.degradation"] == TINY["models"]["model2"]["degradation"]
    assert record["device"].startswith("CPU with")
    assert {"cpu", "threads", "precision", "torch", *records.VERSIONS, "code"} <= record.keys()
    run(train, "model2")
    assert TRAINED.read_bytes() == content
    run(sample, "model2")
    assert read_json(SAMPLED)["inputs"][WEIGHTS] == record["outputs"][WEIGHTS]


def test_results_that_are_not_what_their_records_say_are_refused(run: Run) -> None:
    with pytest.raises(UserError, match=f"{TRAINED} has another models.model2.degradation than"):
        changed = TINY["models"]["model2"] | {
            "degradation": {"kind": "gaussian", "schedule": "cosine", "T": 6}
        }
        run(sample, "model2", models={"model2": changed})
    run(sample, "model2")
    reader = records.Stage("evaluate@model2", (paths.SAMPLES / "model2",), (), ())
    best = paths.weights("model2")
    best.write_bytes(paths.weights("model2", "epoch_001").read_bytes() + b" ")
    with pytest.raises(UserError) as error:
        run(sample, "model2")
    expected = f"{WEIGHTS} is not what {TRAINED} describes: run dvc repro train@model2"
    assert str(error.value) == expected
    record = read_json(TRAINED)
    record["outputs"][WEIGHTS] = records.sha256(Path(WEIGHTS))
    write_json(TRAINED, record)  # as after another training, by which no images were drawn
    with pytest.raises(UserError) as error:
        records.check(reader)
    expected = f"{SAMPLED} is of another {WEIGHTS} than {TRAINED}: run dvc repro sample@model2"
    assert str(error.value) == expected
    write_json(TRAINED, {"params": {}})
    with pytest.raises(UserError, match=f"{TRAINED}: inputs is missing"):
        records.check(reader)


def test_weights_of_another_model_are_refused_even_if_they_have_a_record(run: Run) -> None:
    weights, record = paths.weights("model2"), read_json(TRAINED)
    tensors, description = checkpoints.load(weights)
    for change in ({"model": "model4"}, {"degradation": description["degradation"] | {"T": 9}}):
        checkpoints.save(weights, tensors, description | change)
        record["outputs"][WEIGHTS] = records.sha256(Path(WEIGHTS))
        write_json(TRAINED, record)
        with pytest.raises(UserError, match=f"{weights} is of another model than model2: run dvc"):
            run(sample, "model2")


def test_results_from_different_images_are_not_mixed(run: Run) -> None:
    labels = paths.MNIST / "t10k-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[-1] ^= 1
    labels.write_bytes(content)
    with pytest.raises(UserError, match=f"train@model2 and sample@model2 are .* {paths.MNIST}"):
        run(sample, "model2")


def test_the_code_of_a_record_is_that_which_a_stage_runs(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("hotcold", "stages"):
        shutil.copytree(ROOT / package, tmp_path / "copy" / package)
    stage = records.find("train", "model2")
    monkeypatch.setattr(records, "ROOT", tmp_path / "copy")
    seen = [read_json(TRAINED)["code"], stage.digest()]
    for path in ("hotcold/reporting/text/words.py", "hotcold/runs/resume.py", "stages/train.py"):
        with (tmp_path / "copy" / path).open("a") as file:
            file.write("# edited\n")
        seen.append(stage.digest())
    assert seen[0] == seen[1] == seen[2] and len(set(seen)) == 3


def test_the_code_of_another_folder_never_runs(tmp_path: Path) -> None:
    (tmp_path / "hotcold").mkdir()  # a project, whose stage python found elsewhere
    command = [sys.executable, "-m", "stages.sample", "model2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stderr == f"error: {ROOT} would run, not {tmp_path}: unset PYTHONSAFEPATH\n"


def test_files_that_dvc_ignores_change_no_hash(run: Run) -> None:
    for folder in (Path(WEIGHTS), paths.MNIST):
        (folder / ".DS_Store").touch()
        (folder / "run.json~").touch()
    run(sample, "model2")


def test_variables_that_change_the_rounding_are_recorded_and_start_anew(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = resume.key({})
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert resume.key({}) != key
    run(train, "model2")
    assert read_json(TRAINED)["variables"]["ONEDNN_MAX_CPU_ISA"] == "SSE41"


def edit_params(key: str) -> None:
    values = yaml.safe_load(paths.PARAMS.read_text())
    values["models"]["model2"][key] |= {"learning_rate": 0.777} if key == "training" else {}
    values["models"]["model2"]["sampler"] = {"kind": "ddim", "steps": 2}
    paths.PARAMS.write_text(yaml.safe_dump(values))


def load_other(module: str) -> None:
    LOADED[Path(module)] = "the SHA-256 of what was there before"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (partial(edit_params, "training"), "models.model2.training"),
        (partial(edit_params, "sampler"), None),  # which train does not read
        (lambda: os.utime(paths.MNIST / "train-images-idx3-ubyte", (1, 1)), "data/mnist_idx"),
        (
            lambda: LOADED.update({Path("hotcold/models/model.py"): "old"}),
            "hotcold/models/model.py",
        ),
        (lambda: LOADED.update({Path("hotcold/runs/launch.py"): "old"}), None),
    ],
)
def test_what_changes_while_a_stage_runs_is_not_recorded(
    run: Run, monkeypatch: pytest.MonkeyPatch, change: Callable[[], Any], name: str | None
) -> None:
    original = fit.train_epoch
    monkeypatch.setattr(fit, "train_epoch", lambda *each: [change(), original(*each)][1])
    loaded = dict(LOADED)
    TRAINED.unlink()
    try:
        if name:
            with pytest.raises(UserError, match=f"{name} has changed while train@model2 ran"):
                run(train, "model2")
        else:
            run(train, "model2")
    finally:
        LOADED.update(loaded)
    assert TRAINED.exists() == (name is None)


def test_a_source_of_the_same_second_and_size_is_compiled_again(tmp_path: Path) -> None:
    for package in ("hotcold", "stages"):
        shutil.copytree(ROOT / package, tmp_path / package)
    module = tmp_path / "hotcold/networks/probe.py"

    def value(source: str, start: str) -> str:
        module.write_text(source)
        os.utime(module, (1, 1))
        program = f"{start}import hotcold.networks.probe; print(hotcold.networks.probe.VALUE)"
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-c", program]
        return subprocess.check_output(command, cwd=tmp_path, env=environment, text=True).strip()

    assert value("VALUE = 1", "") == "1"
    assert value("VALUE = 2", "") == "1"  # what Python does by itself
    assert value("VALUE = 2", "import stages; ") == "2"
    assert {Path("stages/__init__.py"), Path("hotcold/runtime/startup.py")} <= LOADED.keys()
    for hides in ("statistics.py", "numpy.py"):
        (tmp_path / hides).touch()
        with pytest.raises(subprocess.CalledProcessError):
            value("VALUE = 2", "import stages; ")
        (tmp_path / hides).unlink()
    first = tmp_path / "stages/__init__.py"  # which runs before the project's own loader
    os.utime(first, (1, 1))
    assert value("VALUE = 2", "import stages; ") == "2"
    first.write_text(first.read_text().replace("The stages", "the stages"))
    os.utime(first, (1, 1))
    with pytest.raises(subprocess.CalledProcessError):
        value("VALUE = 2", "import stages; ")

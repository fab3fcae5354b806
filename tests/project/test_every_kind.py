"""Every kind of process, network and sampler passes through every stage, figure, table and tool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import ROOT, prepare, run_all
from examples import MODELS
from PIL import Image

from hotcold import samples_file
from hotcold.commands import describe, generate, restore
from hotcold.models import kinds
from hotcold.models.params import read_design
from hotcold.numerics.tables import read_csv, read_json
from hotcold.reporting.figures import film
from hotcold.reporting.figures.style import Gallery
from hotcold.reporting.reading.results import ModelResults, read_model
from hotcold.reporting.text.words import described
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load

KEYS = {"processes": "degradation", "networks": "network", "samplers": "sampler"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    prepare(folder)
    sizes = {"sampling.guidances": [0.0, 2.0]}
    run_all(folder, models=MODELS, **sizes)
    return folder


@pytest.mark.parametrize("family", KEYS)
def test_every_kind_has_an_example(family: str) -> None:
    used = {block[KEYS[family]]["kind"] for block in MODELS.values()}
    assert used == set(kinds.names(family))


@pytest.fixture(params=MODELS)
def model(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> ModelResults:
    monkeypatch.chdir(folder)
    return read_model(request.param, read_design(request.param))


def run(tool: ModuleType, *arguments: str) -> None:
    tool.main(list(arguments), standalone_mode=False)


@pytest.mark.slow
def test_results_have_scores_and_a_study_that_fit_the_sampler(model: ModelResults) -> None:
    block = MODELS[model.name]
    assert model.best["main"] == model.sampler.main_set
    assert set(model.sampler.sets) <= set(model.best["sets"])
    assert {model.scores["images"], len(model.best_predictions)} == {20}
    assert bool(model.step_study) == model.sampler.leaves_out_steps
    assert bool(model.likelihood) == (block["network"]["predicts"] == "categorical")
    assert ("label_accuracy" in model.scores) == bool(model.design.classes)
    assert ("psnr" in model.scores) == (model.restores and not model.sampler.from_noise)


@pytest.mark.slow
def test_figures_tables_and_words_show_the_model(model: ModelResults) -> None:
    name, report = model.name, Path("report/supplement.md").read_text()
    for figure in ("progress", "samples", "digits", "confidence", "nearest", "reverse"):
        assert f"{figure}_{name}.png" in report or (paths.FIGURES / f"{figure}_{name}.png").exists()
    assert described(model) in report
    assert f"| {name} |" in report
    assert name in read_json(paths.SUMMARY)
    sides = [row for row in read_csv(paths.PLOTS / "schedules.csv") if row["model"] == name]
    assert [int(row["t"]) for row in sides] == list(range(model.design.degradation.T + 1))
    (spent,) = {int(row["evaluations"]) for row in read_csv(paths.COMPUTE) if row["model"] == name}
    assert spent == model.evaluations


@pytest.mark.slow
@pytest.mark.parametrize("model", ["clipped", "impulse"], indirect=True)
def test_a_moving_picture_degrades_to_the_start_of_the_sampler(model: ModelResults) -> None:
    key = "improved" if model.restores else model.best["main"]
    states = film.there_and_back(model, key, load()["seed"], load()["sampling"]["images"])
    degraded, start = states[film.REST + film.FRAMES - 1 :][:2]
    assert np.abs(degraded.astype(int) - start).mean() < 2
    assert np.array_equal(states[0], states[-1])  # the digits, at t = 0
    with Image.open(paths.FIGURES / "hot_and_cold.webp") as moving:
        assert moving.is_animated


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dissipation"], indirect=True)
def test_a_process_that_needs_training_images_is_not_the_hot_one(model: ModelResults) -> None:
    gallery = Gallery(50, [])
    film.draw(gallery, [model, read_model("impulse", read_design("impulse"))], 0, 4)
    assert paths.FIGURES / "hot_and_cold.webp" not in gallery.files


@pytest.mark.slow
def test_tools_describe_and_generate_or_restore(
    model: ModelResults, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(describe, model.name)
    printed = capsys.readouterr().out
    assert model.design.degradation.label in printed.splitlines()[0]
    assert f"t = {model.design.degradation.T:>4}" in printed
    picture, output = tmp_path / "digit.png", tmp_path / "output.png"
    Image.new("L", (28, 28), 0).save(picture)
    if model.generates:
        run(generate, model.name, "--images", "4", "--output", str(output))
        with Image.open(output) as image:
            assert image.width == image.height
    else:
        with pytest.raises(UserError, match=f"{model.name} restores images and cannot generate"):
            run(generate, model.name, "--output", str(output))
    arguments = (model.name, str(picture), "--add-noise", "--output", str(output))
    if model.restores:
        run(restore, *arguments)
        assert output.exists()
    else:
        with pytest.raises(UserError, match=f"{model.name} generates images"):
            run(restore, *arguments)


def with_new_process(folder: Path, block: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run stages on a model whose process is not of the library. block: of params.yaml."""
    start = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import stages, hotcold.processes\n"
        "hotcold.processes.__path__.append('processes')\n"
        "from conftest import Path, run_stage, write_params\n"
        "from hotcold.runtime.params import parse\n"
        "from stages import evaluate, sample, train\n"
        "models = parse(sys.argv[2])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start + code, str(ROOT / "tests"), block],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_the_example_of_the_docs_is_a_kind_in_one_folder(folder: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs/extending.md").read_text().split("## An example")[1]
    params, process = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    copy = shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    kind = copy / "processes/curtain"
    kind.mkdir(parents=True)
    (kind / "__init__.py").touch()
    (kind / "params.py").write_text(params)
    incomplete = with_new_process(copy, block, "write_params(Path('.'), models=models)")
    assert "processes/curtain/process.py must have the function build" in incomplete.stderr
    (kind / "process.py").write_text(process)
    run_all = (
        "for stage in (train, sample, evaluate):\n"
        "    run_stage(Path('.'), stage, 'curtain', models=models)\n"
    )
    done = with_new_process(copy, block, run_all)
    assert done.returncode == 0, done.stderr
    (scored, *_) = read_json(copy / paths.SCORES / "curtain/scores.json")
    assert scored["sets"]["naive"]["fid"] > 0
    sets, _ = samples_file.load(copy / paths.samples("curtain", scored["epoch"]))
    assert not sets["degraded"][:, :, :20].any()
    assert torch.equal(sets["degraded"][:, :, 20:], sets["original"][:, :, 20:])

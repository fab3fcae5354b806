"""Variants of models, and their rows in the tables of report/measured."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, TINY, write_params
from dvc.utils.hydra import apply_overrides
from examples import MODELS

from hotcold.numerics.tables import write_json
from hotcold.params import ModelParams, Params
from hotcold.reporting.figures.noise_axis import draw_axes, draw_doses
from hotcold.reporting.reading.measured import (
    DRAWS,
    EPOCHS,
    NOISE_AXIS,
    OVERWRITTEN,
    REDRAWN,
    SEEDS,
    UNTRAINED,
    doses,
    score_columns,
)
from hotcold.reporting.text.words import axis_command
from hotcold.runs.records import UNKNOWN
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, validate
from tools import vary
from tools.copy_project import set_key
from tools.copy_project import write_params as write_params_file

EXAMPLES = {"heat": MODELS["dissipation"], "labels": MODELS["labels"]}
Runs = list[tuple[str, Sequence[str], str]]


@pytest.fixture
def runs(inside: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The experiments that the command asked for. Their FID is 10 plus the number of the run."""
    write_params(inside, models=TINY["models"] | EXAMPLES)
    asked: Runs = []

    def train(*options: str) -> dict:
        asked.append(options)
        of_labels = ("label_accuracy",) * (options[2] == "labels")
        keys = (*score_columns(), *UNTRAINED, *of_labels)
        scores = dict.fromkeys(keys, 10.0 + len(asked))
        scores["commonest"] = 0.2
        return {"epoch": 2, "main": "main", "sets": {"main": scores}}

    monkeypatch.setattr(vary, "train", train)
    record = json.dumps({"code": "code", "torch": "2.13.0"})
    monkeypatch.setattr(vary, "read", lambda name, path: record)
    return asked


def run(arguments: str) -> None:
    vary.main(arguments.split(), standalone_mode=False)


def test_every_size_is_an_experiment_and_a_row_in_order(runs: Runs) -> None:
    run("heat --noise 0.1,0")
    assert runs == [
        (f"heat-noise-{size}", [f"models.heat.degradation.noise={size}"], "heat")
        for size in ("0.1", "0")
    ]
    run("heat --noise 0.02,0.10")
    found = [(row["noise"], row["epoch"], row["fid"]) for row in NOISE_AXIS.rows(load())]
    # The new row of 0.1 replaces the old one.
    assert found == [("0", "2", 12.0), ("0.02", "2", 13.0), ("0.1", "2", 14.0)]
    run("heat --seeds 1,2 --noise 0.1")
    name, settings, _ = runs[-1]
    assert name == "heat-noise-0.1-seed-2"
    assert settings == ["models.heat.degradation.noise=0.1", "seed=2"]
    found = [(row["noise"], row["seed"], row["fid"]) for row in NOISE_AXIS.rows(load())]
    assert found[2:] == [("0.1", "1", 15.0), ("0.1", "2", 16.0), ("0.1", "42", 14.0)]
    fid = draw_axes(NOISE_AXIS.rows(load()), {}, 0.5).axes[0]
    assert [line.get_xydata().tolist() for line in fid.lines[:2]] == [
        [[0, 12], [1, 13], [2, 15], [2, 16], [2, 14]],
        [[0, 12], [1, 13], [2, 15]],
    ]
    assert axis_command(NOISE_AXIS.rows(load())) == (
        "hotcold vary heat --noise 0,0.02 --seeds 42"
        " && hotcold vary heat --noise 0.1 --seeds 1,2,42 && dvc repro figures"
    )


def test_every_seed_and_draw_is_an_experiment_and_a_row(runs: Runs) -> None:
    run("model4 model2 --seeds 2")
    run("model2 --seeds 10")
    run("labels model2 --draws 1")
    run("model2 --epochs 3")
    assert runs == [
        *((f"{model}-seed-2", ["seed=2"], model) for model in ("model4", "model2")),
        ("model2-seed-10", ["seed=10"], "model2"),
        *((f"{model}-draw-1", ["sampling.seed=1"], model) for model in ("labels", "model2")),
        ("model2-epochs-3", ["++models.model2.training.epochs=3"], "model2"),
    ]
    found = [(row["model"], row["seed"], row["fid"]) for row in SEEDS.rows(load())]
    assert found == [("model2", "2", 12.0), ("model2", "10", 13.0), ("model4", "2", 11.0)]
    rows = {row["model"]: row for row in DRAWS.rows(load())}
    assert rows["labels"]["pixel_fd_above"] == rows["labels"]["label_accuracy"] == 14.0
    assert rows["model2"]["label_accuracy"] == ""  # nothing was asked for
    assert [(row["epochs"], row["random_fd"]) for row in EPOCHS.rows(load())] == [("3", 16.0)]
    assert len(SEEDS.rows(load())) == 3  # of one budget


def test_a_share_of_pixels_drawn_anew_is_between_the_samplers_of_the_results(runs: Runs) -> None:
    run("model4 --redrawn 0.1234567")
    assert runs.pop()[1] == ["++models.model4.sampler.redrawn=0.1234567"]
    REDRAWN.path.unlink()
    run("model4 --redrawn 0.5,0.25,1")
    run("model4 --overwritten 1,0.5")
    name, (setting,), _ = runs[1]
    assert (name, setting) == ("model4-redrawn-0.25", "++models.model4.sampler.redrawn=0.25")
    ends = {"improved": {"fid": 0.5}, "naive": {"fid": 30.0}}
    sets = {key: each | {"fid_below": 0.1, "fid_above": 0.2} for key, each in ends.items()}
    model = SimpleNamespace(name="model4", best={"epoch": 2, "sets": sets})
    model.digit_counts = lambda key: np.array([5, 5] if key == "improved" else [9, 1])
    found = doses([model], load())
    shown = [(row["share"], row["fid"], row["commonest"]) for row in found]
    assert shown == [("0", 0.5, 0.5), ("0.25", 12.0, 0.2), ("0.5", 11.0, 0.2), ("1", 30.0, 0.9)]
    same = doses([model], load(), OVERWRITTEN)
    assert [(row["share"], row["fid"]) for row in same] == [("0", 0.5), ("0.5", 15.0), ("1", 14.0)]
    figure = draw_doses((found, same), {"model4": "C0"}, {"fid": 0.6, "images": 10})
    fid, digit = (axis.lines[0].get_xydata().tolist() for axis in figure.axes)
    assert fid == [[0, 0.5], [0.25, 12], [0.5, 11], [1, 30]]
    assert digit[-1] == [1, 0.9]
    model.best["epoch"] = 1  # of other weights
    assert doses([model], load()) == []

    path = Path("params.yaml")
    apply_overrides(path, [setting])  # as `dvc exp run -S`
    assert validate(load(path)["models"]["model4"], ModelParams).sampler.redrawn == 0.25


def test_ablation_trains_without_each_part_at_the_budget_and_shows_the_scores(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = load(ROOT / "params.yaml")["models"]["model5"]
    recipe["sampler"] = {"kind": "ddim", "steps": 2}
    del recipe["training"]["epochs"]
    write_params(Path(), models=TINY["models"] | {"recipe": recipe})
    capsys.readouterr()
    run("recipe --ablate training.epochs=5 training.images=20")
    budget = ["training.epochs=5", "training.images=20"]
    assert runs[0] == ("recipe-complete-recipe", budget, "recipe")
    name, settings = "recipe-independent-t", [*budget, "models.recipe.training.stratified_t=false"]
    assert runs[4] == (name, settings, "recipe")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(vary.PARTS)
    assert lines[6] == "| independent t | 15.00 [0.00, 30.00] | 15.00 [0.00, 30.00] | 15 | 15 |"


@pytest.mark.parametrize("part", vary.PARTS)
def test_ablation_removes_one_part_at_a_time(tmp_path: Path, part: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    complete = validate(load(path), Params).models["model5"]
    apply_overrides(path, vary.without("model5", part))  # as `dvc exp run -S`
    without = validate(load(path)["models"]["model5"], ModelParams)
    assert (without == complete) == (part == "complete recipe")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("model4 --overwritten -1", "models.model4.sampler.overwritten is -1"),
        ("model4 --redrawn 0.5,1.1", "models.model4.sampler.redrawn is 1.1"),
        ("model2 --redrawn 0.5", "redrawn is 0.5: not a known key"),
        ("model4 --noise 0.1", "Could not override 'models.model4.degradation.noise'"),
        ("none --noise 0.1", "models.none is missing"),
        ("none --seeds 1", "models.none is missing"),
        *((f"heat --noise 0.1,{size}", f"noise is {size}") for size in ("2", "-0.1", ".nan")),
        ("heat --noise much", "--noise is 'much', must be different numbers, separated by commas"),
        ("model2 --seeds 1,42", "--seeds has 42, which is that of params.yaml"),
        ("model2 --draws 1,42", "--draws has 42, which is that of"),
        ("model2 --epochs 2,3", "--epochs has 2, which is that of"),
        ("model2 --epochs 0", "models.model2.training.epochs is 0"),
        ("model2 --seeds 1,x", "--seeds is '1,x', must be different numbers"),
        ("model4 --noise 0.1 --draws 1", "--ablate must be given, or --noise and --seeds"),
        ("heat --noise 0.1 --seeds 1,x", "--seeds is '1,x'"),
        ("model2 --draws null", "--draws is 'null', must be different numbers"),
        ("model2 --seeds=", "--seeds is '', must be different numbers"),
        ("model4 --redrawn 1,1.0", "--redrawn is '1,1.0', must be different numbers"),
        ("model2 --epochs 1.5", "models.model2.training.epochs is 1.5: input should be"),
        ("model2 --ablate training.image=5", "Could not override 'training.image'"),
        ("model4 --ablate", "models.model4.network.predicts is 'eps', must be 'x_0'"),
        ("model2 --seeds -1", "seed is -1: input should be greater"),
        (
            "model2 --ablate training.learning_rate=1",
            "training.learning_rate=1 has no effect on model2, which has its own",
        ),
        (f"model2 --seeds {2**63}", "seed is 9223372036854775808: input should be less"),
    ],
)
def test_wrong_values_and_models_are_refused_before_any_run(
    arguments: str, sentence: str, runs: Runs
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence.replace(".nan", "nan"))):
        run(arguments)
    assert not runs


def test_rows_of_other_settings_are_left_out_but_kept(runs: Runs) -> None:
    run("heat --noise 0.1,0.2")
    before, table = load(), NOISE_AXIS.path.read_text()
    for key, value in (
        ("models.heat.network.channels", [16, 8, 8]),
        ("models.heat.degradation.T", 7),
        ("training.epochs", 3),
        ("evaluation.seed", 1),
    ):
        params = copy.deepcopy(before)
        set_key(params, key, value)
        assert NOISE_AXIS.rows(params) == []
    same = copy.deepcopy(before)
    set_key(same, "models.heat.degradation.noise", 0.3)
    set_key(same, "models.model4.training.learning_rate", 0.3)
    set_key(same, "figures.dpi", 99)
    set_key(same, "seed", 1)
    assert len(NOISE_AXIS.rows(same)) == 2
    del same["models"]["heat"]
    assert NOISE_AXIS.rows(same) == []

    params = copy.deepcopy(before)
    set_key(params, "training.epochs", 3)
    write_params_file(Path("params.yaml"), params)
    run("heat --noise 0.1")
    assert [row["fid"] for row in NOISE_AXIS.rows(load())] == [13.0]
    assert set(table.splitlines()) < set(NOISE_AXIS.path.read_text().splitlines())


def test_rows_of_other_code_or_pytorch_than_the_results_are_kept_and_counted(runs: Runs) -> None:
    run("model2 --seeds 1,2")
    rows = SEEDS.rows(load())

    def of_others(**changed: str) -> int:
        for stage in SEEDS.stages:
            origin = {"code": "code", "torch": "2.13.0"} | (changed if stage == "train" else {})
            write_json(paths.RECORDS / stage / "model2.json", origin)
        return len(SEEDS.of_others(rows))

    assert of_others() == 0
    assert of_others(code="other") == of_others(torch="2.14.0") == of_others(torch=UNKNOWN) == 2
    rows[0] |= SEEDS.origin("model2")  # of another PyTorch, which is not recorded for the results
    assert of_others(torch=UNKNOWN) == 2
    assert of_others() == 1


@pytest.mark.parametrize("damage", ["", "model,noise\nheat,0.1\n", "<<<<<<< HEAD\n"])
def test_a_damaged_table_is_named_before_a_training(damage: str, runs: Runs) -> None:
    run("heat --noise 0.1")
    whole = NOISE_AXIS.path.read_text()
    for content in (damage, whole + damage + "x", whole.replace(",11,", ",much,")):
        NOISE_AXIS.path.write_text(content)
        with pytest.raises(UserError, match=str(NOISE_AXIS.path)):
            run("heat --noise 0.2")
    assert len(runs) == 1


def test_a_wrong_value_of_a_table_is_named_with_its_line(runs: Runs) -> None:
    run("model2 --seeds 1,2")
    head, first, second = SEEDS.path.read_text().splitlines()
    cells = dict(zip(head.split(","), second.split(","), strict=True))
    for column, value, place in (
        ("seed", "1.5", "line 3.seed "),
        ("seed", "-1", "line 3.seed "),
        ("epoch", "ten", "line 3.epoch "),
        ("fid", "nan", "line 3.fid "),
        ("fid", "-5", "line 3.fid "),
        ("model", "", "line 3.model "),
        ("seed", "01", "lines 2 and 3 are of the same run"),
    ):
        wrong = ",".join((cells | {column: value}).values())
        SEEDS.path.write_text(f"{head}\n{first}\n{wrong}\n")
        with pytest.raises(UserError, match=f"^{SEEDS.path}: {place}"):
            SEEDS.rows(load())

"""The tables of several sizes of noise, and of several seeds."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import TINY, write_params

from hotcold.reporting.figures.noise_axis import draw_axes
from hotcold.reporting.reading.measured import NOISE_AXIS, SEEDS, score_columns
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load
from tools import experiments, noise_axis, retrain
from tools.copy_project import set_key
from tools.copy_project import write_params as write_params_file

HEAT = {
    "degradation": {"kind": "dissipation", "std": [0.3, 20.0], "noise": 0.05, "T": 5},
    "network": {"kind": "unet", "channels": [8, 8, 8], "predicts": "x_0"},
    "training": {"learning_rate": 1.0e-3},
    "sampler": {"kind": "inverse_dissipation"},
}
Runs = list[tuple[str, Sequence[str], str]]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The experiments that a tool asked for. Their FID is 10 plus the number of the run."""
    write_params(tmp_path, models=TINY["models"] | {"heat": HEAT})
    monkeypatch.chdir(tmp_path)
    asked: Runs = []
    monkeypatch.setattr(experiments, "run_alone", lambda *options: asked.append(options))
    monkeypatch.setattr(
        experiments,
        "best_checkpoint",
        lambda name, model: {
            "epoch": 2,
            "main": "inverse_dissipation",
            "sets": {"inverse_dissipation": dict.fromkeys(score_columns(), 10.0 + len(asked))},
        },
    )
    return asked


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["noise_axis", *arguments])
    noise_axis.main()


def test_every_size_is_an_experiment_and_a_row_in_order(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "heat", "0.1", "0")
    assert runs == [
        (f"heat-noise-{size}", ["-S", f"models.heat.degradation.noise={size}"], "evaluate@heat")
        for size in ("0.1", "0")
    ]
    run(monkeypatch, "heat", "0.02", "0.1")
    found = NOISE_AXIS.rows(load())
    scores = {float(row["noise"]): row["fid"] for row in found}
    assert scores == {0.0: 12.0, 0.02: 13.0, 0.1: 14.0}  # the new row of 0.1 replaces the old one
    assert list(scores) == sorted(scores)
    assert {(row["model"], row["epoch"]) for row in found} == {("heat", "2")}
    figure = draw_axes(found, [], {"heat": "#000000"}, real=0.5)
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["0", "0.02", "0.1"]


def test_rows_of_other_settings_are_left_out_but_kept(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "heat", "0.1", "0.2")
    before, table = load(), NOISE_AXIS.path.read_text()
    for key, value in (
        ("models.heat.network.channels", [16, 8, 8]),
        ("models.heat.degradation.T", 6),
        ("training.epochs", 3),
        ("seed", 1),
        ("evaluation.seed", 1),
    ):
        params = copy.deepcopy(before)
        set_key(params, key, value)
        assert NOISE_AXIS.rows(params) == []
    same = copy.deepcopy(before)
    set_key(same, "models.heat.degradation.noise", 0.3)
    set_key(same, "models.model4.training.learning_rate", 0.3)
    set_key(same, "figures.dpi", 99)
    assert len(NOISE_AXIS.rows(same)) == 2
    del same["models"]["heat"]
    assert NOISE_AXIS.rows(same) == []

    params = copy.deepcopy(before)
    set_key(params, "training.epochs", 3)
    write_params_file(Path("params.yaml"), params)
    run(monkeypatch, "heat", "0.1")
    assert [row["fid"] for row in NOISE_AXIS.rows(load())] == [13.0]
    assert set(table.splitlines()) < set(NOISE_AXIS.path.read_text().splitlines())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("model4", "0.1"), "model4 has impulse degradation, must have dissipation"),
        (("none", "0.1"), "models.none"),
    ],
)
def test_other_models_are_refused_before_any_run(
    arguments: tuple[str, ...],
    sentence: str,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match=sentence):
        run(monkeypatch, *arguments)
    assert not runs


@pytest.mark.parametrize("size", ["2", "-0.1", "much", "nan"])
def test_sizes_out_of_range_are_refused(
    size: str,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "heat", size)
    assert "is not a size of noise, must be in 0..1" in capsys.readouterr().err
    assert not runs


@pytest.mark.parametrize("damage", ["", "{}", "model,noise\nheat,0.1\n", "<<<<<<< HEAD\n"])
def test_a_damaged_table_is_named(damage: str, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "heat", "0.1")
    whole = NOISE_AXIS.path.read_text()
    for content in (damage, whole + damage + "x", whole.replace(",11,", ",much,")):
        NOISE_AXIS.path.write_text(content)
        with pytest.raises(UserError, match=f"{NOISE_AXIS.path}"):
            NOISE_AXIS.rows(load())
        with pytest.raises(UserError, match=f"{NOISE_AXIS.path}"):
            run(monkeypatch, "heat", "0.2")
        assert len(runs) == 1  # a damaged table is found before a training


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("seed", value) for value in ("1.5", "nan", "1e30", "-1", "")),
        *(("epoch", value) for value in ("nan", "10.5", "ten")),
        *(("fid", value) for value in ("nan", "inf", "1e999", "-5", "much", "")),
        *(("model", ""), ("is_below", "nan")),
    ],
)
def test_a_wrong_value_of_a_table_is_named_with_its_line(
    column: str, value: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrained(monkeypatch, "model2", "--seeds", "1,2")
    head, first, second = SEEDS.path.read_text().splitlines()
    cells = dict(zip(head.split(","), second.split(","), strict=True)) | {column: value}
    SEEDS.path.write_text("\n".join([head, first, ",".join(cells.values()), ""]))
    with pytest.raises(UserError, match=rf"^{SEEDS.path}: line 3\.{column} "):
        SEEDS.rows(load())


def test_two_rows_of_one_run_are_refused(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "heat", "0.1", "0.2")
    content = NOISE_AXIS.path.read_text()
    NOISE_AXIS.path.write_text(content + content.splitlines()[1].replace(",0.1,", ",0.10,") + "\n")
    with pytest.raises(UserError, match="lines 2 and 4 are of the same run"):
        NOISE_AXIS.rows(load())


def retrained(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
    retrain.main()


def test_every_seed_is_an_experiment_and_a_row(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    retrained(monkeypatch, "model4", "model2", "--seeds", "2")
    retrained(monkeypatch, "model2", "--seeds", "10,2")
    assert runs == [
        (f"{model}-seed-{seed}", ["-S", f"seed={seed}"], f"evaluate@{model}")
        for model, seed in (("model4", 2), ("model2", 2), ("model2", 10), ("model2", 2))
    ]
    rows = SEEDS.rows(load())
    found = [(row["model"], row["seed"], row["fid"]) for row in rows]
    assert found == [("model2", "2", 14.0), ("model2", "10", 13.0), ("model4", "2", 11.0)]
    assert SEEDS.path.read_text().startswith("model,seed,epoch,commit,settings,fid,")


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (("none",), UserError, "models.none"),
        (("model2", "--seeds", "1,42"), UserError, "--seeds has 42, which is the seed of params"),
        (("model2", "--seeds", "1,x"), SystemExit, "must be whole numbers, such as 1,2"),
        (("model2", "--seeds", "-1"), SystemExit, "expected one argument|must be whole numbers"),
        (("model2", "--seeds", str(2**63)), SystemExit, "must be whole numbers"),
        (("model2", "--seeds", "9" * 5000), SystemExit, r"9{200}\.\.\. must be whole numbers"),
    ],
)
def test_wrong_seeds_and_models_are_refused_before_any_run(
    arguments: tuple[str, ...],
    error: type[BaseException],
    sentence: str,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(error) as raised:
        retrained(monkeypatch, *arguments)
    assert re.search(sentence, f"{raised.value}{capsys.readouterr().err}")
    assert not runs

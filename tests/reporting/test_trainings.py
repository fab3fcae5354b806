"""The deviation between trainings of one model and its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import write_params
from examples import MODELS
from test_findings import DEGRADATIONS, model

from hotcold.reporting.reading.measured import NOISE_AXIS, by_other_samplers, score_columns
from hotcold.reporting.text.tables import runs_table
from hotcold.reporting.text.trainings import seed_rows
from hotcold.runtime.params import load
from tools.copy_project import set_key


def again(name: str, fid: float, inception: float, half: float = 1.0) -> dict[str, Any]:
    ends = {f"{key}_{side}": half for key in ("fid", "is") for side in ("below", "above")}
    return {"model": name, "fid": fid, "is": inception} | ends


def test_the_deviation_of_two_trainings_has_the_interval_of_one_degree_of_freedom() -> None:
    """Quantiles of chi squared with one degree of freedom: 5.02389 and 0.000982069."""
    fid, inception = seed_rows([model("cold", 10.0)], [again("cold", 14.0, 9.5)])
    between = 4 / 2**0.5
    low, high = between / 5.02389**0.5, between / 0.000982069**0.5
    assert fid[2:] == ["10.00, 14.00", f"{between:.2f} [{low:.2f}, {high:.2f}]", f"{1 / 1.96:.2f}"]
    assert inception[2:4] == ["9.50, 9.50", "0.00 [0.00, 0.00]"]


def test_every_model_that_was_trained_again_has_two_rows() -> None:
    models = [model("cold", 10.0), model("hot", 20.0)]
    assert seed_rows(models, []) == []
    rows = seed_rows(models, [again("cold", 14.0, 9.0), again("cold", 12.0, 9.2)])
    assert [row[:3] for row in rows] == [
        ["cold", "FID ↓", "10.00, 14.00, 12.00"],
        ["cold", "IS ↑", "9.50, 9.00, 9.20"],
    ]
    assert rows[0][3:] == ["2.00 [1.04, 12.57]", "0.51"]


def test_rows_by_another_sampler_of_the_process_have_its_name(inside: Path) -> None:
    sampler = {"kind": "blurring", "steps": 50, "eta": 1.0}  # the models are by another one
    heat = MODELS["dissipation"] | {"degradation": DEGRADATIONS["blur"], "sampler": sampler}
    write_params(inside, models={"heat": heat})
    row = {"model": "heat", "noise": "0.2", "seed": "1", "epoch": "2", "commit": "none"}
    row |= {"code": "none", "torch": "none", "settings": NOISE_AXIS.settings(load(), "heat")}
    NOISE_AXIS.add(row | dict.fromkeys(score_columns(), "1.0"))
    models = [model("heat", 3.0, kind="blur")]
    (found,) = by_other_samplers(models, load())
    assert (found["noise"], found["sampler"]) == ("0.2", "blurring diffusion")
    set_key(params := load(), "models.heat.training.learning_rate", 0.1)
    assert by_other_samplers(models, params) == []


def test_further_runs_follow_that_of_the_results() -> None:
    measured = ("fid", "is", "pixel_fd", "random_fd")
    scores = {f"{key}{end}": 1.0 for key in measured for end in ("", "_below", "_above")}
    runs = [{"model": "hot", "epochs": "75", **scores}]
    models = [model("cold", 10.0), model("hot", 20.0)]
    models[1].scores.update(scores)
    _, _, own, further = runs_table(models, runs, "epochs", "epochs", {"hot": 10}).splitlines()
    assert own.startswith("| hot | 10 |")
    assert further.startswith("| hot | 75 |")
    assert further.endswith("| 1.00 [0.00, 2.00] |")  # nothing was asked for

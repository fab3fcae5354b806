"""Sentences on the axis between cold and hot are true of its rows."""

from __future__ import annotations

from typing import Any

from test_findings import model
from test_trainings import again

from hotcold.reporting.text.axis import between_cold_and_hot
from hotcold.reporting.text.tables import axis_table


def rows(model: str, **fids: float) -> list[dict[str, Any]]:
    """Rows whose intervals reach 1 to both sides; fids: d0, d1, ... of sizes 0, 0.1, ..."""
    ends = {"model": model, "fid_below": 1.0, "fid_above": 1.0}
    return [
        {"noise": f"{int(size[1:]) / 10:g}", "fid": fid, "precision": fid / 100}
        | ends
        | {"recall": 1 - fid / 100}
        for size, fid in fids.items()
    ]


def test_the_best_size_is_told_apart_from_the_others_by_differences() -> None:
    best, tied, smallest, largest = between_cold_and_hot(rows("heat", d0=50, d1=20, d2=21, d4=30))
    assert (
        best == "The lowest FID of heat is 20.00 [19.00, 21.00], at δ = 0.1, where recall is 0.800."
    )
    assert tied == "No δ from 0.1 to 0.2 is told apart from the best one."
    assert smallest == (
        "With the smallest δ, 0, FID is 50.00 [49.00, 51.00] and recall 0.500, in one training: "
        "this blur model needs noise."
    )
    assert largest.startswith("With the largest δ, 0.4, FID is 30.00 [29.00, 31.00] and recall 0.7")
    assert len(list(between_cold_and_hot(rows("heat", d1=50, d2=20)))) == 2
    assert not any(
        "needs noise" in each for each in between_cold_and_hot(rows("heat", d1=50, d2=2))
    )


def test_a_difference_that_another_training_could_make_is_no_effect_of_the_noise() -> None:
    models = [model("heat", 20.0, kind="blur"), model("other", 5.0)]
    further = [again("heat", 21.0, 9.0), again("heat", 22.0, 9.0), again("other", 5.0, 9.0)]
    axis = rows("heat", d0=50, d1=20, d2=25.9, d4=26)
    found = list(between_cold_and_hot(axis, models, further))
    assert found[1] == "3 trainings of heat at δ = 0.1 range from 20.00 to 22.00."
    # Student's t with two degrees of freedom is 4.3027; the margin is that times (4 / 3)^0.5, 4.97.
    assert found[2] == "No δ from 0.1 to 0.2 is told apart from the best one."
    assert found[4].startswith("With the largest δ, 0.4, ")


def test_every_model_has_its_own_sentences() -> None:
    found = list(between_cold_and_hot([*rows("one", d0=50, d1=20), *rows("two", d0=5)]))
    assert not any("two" in each for each in found)  # one size shows nothing
    assert list(between_cold_and_hot([])) == []


def test_the_table_has_every_size() -> None:
    further = {"is": 5, "is_below": 0.5, "is_above": 0.5, "precision_std": 0.1, "recall_std": 0}
    table = axis_table([row | further for row in rows("heat", d0=50, d1=20)])
    score = "5.00 [4.50, 5.50]"
    assert table.splitlines()[2:] == [
        f"| heat | 0 | 50.00 [49.00, 51.00] | {score} | 0.500 ± 0.100 | 0.500 ± 0.000 |",
        f"| heat | 0.1 | 20.00 [19.00, 21.00] | {score} | 0.200 ± 0.100 | 0.800 ± 0.000 |",
    ]

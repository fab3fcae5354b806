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


def test_an_optimum_inside_the_axis_is_one_that_the_intervals_show_on_both_sides() -> None:
    fids, tied, inside, precision, _ = between_cold_and_hot(
        rows("heat", d0=50, d1=20, d2=21, d4=30)
    )
    assert fids == (
        "The FID of heat is 50.00 [49.00, 51.00] at δ = 0, 20.00 [19.00, 21.00] at δ = 0.1 and "
        "30.00 [29.00, 31.00] at δ = 0.4."
    )
    assert tied.endswith("δ = 0.1, is indistinguishable from δ = 0.2.")
    assert "lowest inside the axis" in inside
    assert precision.endswith("0.500 at δ = 0, 0.200 at δ = 0.1 and 0.300 at δ = 0.4.")


def test_no_optimum_is_claimed_at_an_end_or_within_the_intervals() -> None:
    for found in (rows("heat", d0=50, d1=20), rows("heat", d0=50, d1=20, d2=21)):
        assert not any("inside the axis" in text for text in between_cold_and_hot(found))
    _, second, *_ = between_cold_and_hot(rows("heat", d0=50, d1=20))
    assert second == "No size beyond δ = 0.1 was trained."


def test_a_difference_that_another_training_could_make_is_no_effect_of_the_noise() -> None:
    models = [model("heat", 20.0, kind="blur"), model("other", 5.0)]
    further = [again("heat", 21.0, 9.0), again("heat", 22.0, 9.0), again("other", 5.0, 9.0)]
    found = list(between_cold_and_hot(rows("heat", d0=50, d1=20, d2=25.9, d4=26), models, further))
    assert "3 seeds give heat FIDs of 20.00, 21.00 and 22.00, on average 21.00." in found[1]
    # Student's t with two degrees of freedom is 4.3027; the margin is that times (4 / 3)^0.5.
    assert "within 4.97 of this average" in found[1]
    assert found[2].endswith("is indistinguishable from δ = 0.2.")
    assert "lowest inside the axis" in found[3]
    nearer = list(between_cold_and_hot(rows("heat", d0=50, d1=20, d2=25.9), models, further))
    assert nearer[2] == found[2]
    assert not any("lowest inside the axis" in sentence for sentence in nearer)


def test_every_model_has_its_own_sentences() -> None:
    found = list(between_cold_and_hot([*rows("one", d0=50, d1=20), *rows("two", d0=5)]))
    assert found[4] == "The FID of two is 5.00 [4.00, 6.00] at δ = 0."
    assert list(between_cold_and_hot([])) == []


def test_the_table_has_every_size() -> None:
    further = {"is": 5, "is_below": 0.5, "is_above": 0.5, "precision_std": 0.1, "recall_std": 0}
    table = axis_table([row | further for row in rows("heat", d0=50, d1=20)])
    score = "5.00 [4.50, 5.50]"
    assert table.splitlines()[2:] == [
        f"| heat | 0 | 50.00 [49.00, 51.00] | {score} | 0.500 ± 0.100 | 0.500 ± 0.000 |",
        f"| heat | 0.1 | 20.00 [19.00, 21.00] | {score} | 0.200 ± 0.100 | 0.800 ± 0.000 |",
    ]

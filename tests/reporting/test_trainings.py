"""The deviation between trainings of one model, its table and its sentences."""

from __future__ import annotations

from typing import Any

import pytest
from test_findings import model

from hotcold.reporting.text.trainings import seed_rows, spreads, unlike_trainings


def again(name: str, fid: float, inception: float, half: float = 1.0) -> dict[str, Any]:
    ends = {f"{key}_{side}": half for key in ("fid", "is") for side in ("below", "above")}
    return {"model": name, "fid": fid, "is": inception} | ends


def test_the_deviation_of_two_trainings_has_the_interval_of_one_degree_of_freedom() -> None:
    fid, inception = spreads([model("cold", 10.0)], [again("cold", 14.0, 9.5)])
    assert fid.values == [10.0, 14.0]
    assert fid.between == pytest.approx(4 / 2**0.5)
    # Quantiles of chi squared with one degree of freedom: 5.02389 and 0.000982069.
    assert fid.low == pytest.approx(fid.between / 5.02389**0.5, rel=1e-5)
    assert fid.high == pytest.approx(fid.between / 0.000982069**0.5, rel=1e-5)
    assert fid.images == pytest.approx(1 / 1.959964, rel=1e-5)
    # Student's t with one degree of freedom: 12.7062; the mean of two adds half of the variance.
    assert fid.mean == 12.0
    assert fid.margin == pytest.approx(12.7062 * fid.between * 1.5**0.5, rel=1e-5)
    assert (inception.values, inception.between) == ([9.5, 9.5], 0.0)


def test_every_model_that_was_trained_again_has_two_rows() -> None:
    models = [model("cold", 10.0), model("hot", 20.0)]
    assert seed_rows(models, []) == []
    rows = seed_rows(models, [again("cold", 14.0, 9.0), again("cold", 12.0, 9.2)])
    assert [row[:3] for row in rows] == [
        ["cold", "FID ↓", "10.00, 14.00, 12.00"],
        ["cold", "IS ↑", "9.50, 9.00, 9.20"],
    ]
    assert rows[0][3:] == ["2.00 [1.04, 12.57]", "0.51"]


def test_trainings_differ_where_the_lower_end_of_the_deviation_exceeds_that_of_the_images() -> None:
    models = [model("cold", 10.0), model("hot", 20.0)]
    alike = [again("cold", 11.0, 9.4), again("hot", 21.0, 9.0)]
    assert list(unlike_trainings(models, alike)) == []
    unlike = [again("cold", 50.0, 9.4), again("hot", 50.0, 2.0)]
    (sentence,) = unlike_trainings(models, unlike)
    hot = "hot (FID 20.00 and 50.00; IS 9.00 and 2.00)"
    assert f": cold (FID 10.00 and 50.00) and {hot}." in sentence

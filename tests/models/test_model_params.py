"""The degradation and the network of a model in params.yaml."""

import re
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from hotcold.models import process
from hotcold.models.model import DiffusionModel
from hotcold.models.params import DesignParams, read_design, read_designs
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import validate


def test_every_committed_design_is_built_without_reading_other_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("learning_rate:", "unknown_key:"))
    monkeypatch.chdir(tmp_path)
    designs = read_designs()
    assert list(designs) == re.findall(r"^  (model\d+):", text, re.MULTILINE)
    restoring = {name for name, d in designs.items() if not d.degradation.from_noise_alone}
    assert restoring == {"model3", "model4"}
    for design in designs.values():
        model = DiffusionModel.build(design.block())
        assert model.predicts == design.network.predicts
        assert model.process.T == design.degradation.T


def test_prediction_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("predicts: v", "predicts: categorical"))
    monkeypatch.chdir(tmp_path)
    sentence = (
        r"^params\.yaml: models\.model5\.network\.predicts is 'categorical', must be 'eps' or "
        r"'x_0' or 'v' for gaussian degradation$"
    )
    with pytest.raises(UserError, match=sentence):
        read_design("model5")


def rising(maximum: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.floats(1e-6, maximum), st.floats(0.001, maximum)).map(
        lambda pair: tuple(sorted(pair))
    )


@given(rising(0.04), rising(0.5), st.integers(2, 2000))  # alpha_bar stays a float32
def test_valid_degradations_are_built(
    beta: tuple[float, float], rho: tuple[float, float], T: int
) -> None:
    network = {"kind": "cnn", "hidden": (2,), "predicts": "x_0"}
    for block in (
        {"kind": "gaussian", "beta": beta, "T": T},
        {"kind": "impulse", "rho": rho, "T": T},
    ):
        design = validate({"degradation": block, "network": network}, DesignParams)
        assert process.build(design.block()["degradation"]).T == T

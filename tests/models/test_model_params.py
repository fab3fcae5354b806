"""The degradation and the network of a model in params.yaml."""

import re
from pathlib import Path

from conftest import ROOT

from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_designs


def test_every_committed_design_is_built_without_reading_other_blocks(inside: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    (inside / "params.yaml").write_text(text.replace("learning_rate:", "unknown_key:"))
    designs = read_designs()
    assert list(designs) == re.findall(r"^  (model\d+):", text, re.MULTILINE)
    restoring = {name for name, d in designs.items() if not d.degradation.from_noise_alone}
    assert restoring == {"model3", "model4"}
    for design in designs.values():
        model = DiffusionModel.build(design.block())
        assert model.predicts == design.network.predicts
        assert model.process.T == design.degradation.T

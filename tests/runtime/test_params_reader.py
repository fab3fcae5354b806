"""The reader of params.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from diffusion.runtime.errors import UserError
from diffusion.runtime.params import load, read
from diffusion.training.params import RecipeParams, TrainingParams


def test_misspelt_section_gets_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"traning": {}}))
    with pytest.raises(UserError, match=r"training is missing \(did you mean 'traning'\?\)"):
        read("training", TrainingParams, path)


@pytest.mark.parametrize("written", ["1e-05", "1e-5", "1.0e-05", "0.00001", "1E-5"])
def test_numbers_are_read_as_dvc_exp_run_writes_them(tmp_path: Path, written: str) -> None:
    text = (ROOT / "params.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("learning_rate: 2.0e-4", f"learning_rate: {written}"))
    assert read("models.model1.training", RecipeParams, path).learning_rate == 1e-5


def test_off_is_a_string_as_dvc_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("inception: off\nplain: true\n")
    assert load(path) == {"inception": "off", "plain": True}


def test_section_is_read_whatever_the_others_contain(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    training = yaml.safe_load((ROOT / "params.yaml").read_text())["training"]
    path.write_text(yaml.safe_dump({"training": training, "figures": "broken"}))
    assert read("training", TrainingParams, path).batch_size == 128


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "is not valid YAML"),
        ("- 1", "must be a mapping of sections"),
        ("seed: 1\nseed: 2", "the key 'seed' occurs twice"),
    ],
)
def test_file_that_is_not_a_mapping_of_sections_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        load(path)
    with pytest.raises(UserError, match="run from the repository's root"):
        load(tmp_path / "nowhere.yaml")

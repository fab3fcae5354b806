"""The reader of params.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from dvc.utils.serialize import load_yaml

from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, read, validate
from hotcold.training.params import TrainingParams


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def test_misspelt_section_gets_a_suggestion(path: Path) -> None:
    path.write_text(yaml.safe_dump({"traning": {}}))
    with pytest.raises(UserError, match=r"training is missing \(did you mean 'traning'\?\)"):
        read("training", TrainingParams, path)


SCALARS = """010 0o17 0x1f 0b11 1:30 190:20:30 1_000 1e5 1E-5 1e999 .5 5. +1 -0 089 off on yes no y
    1e-05 True TRUE tRuE null NULL ~ 2020-01-01 .inf -.INF .NaN 'quoted' "1" 99999999999999999999"""


@pytest.mark.parametrize("scalar", SCALARS.split())
def test_scalars_are_those_that_dvc_reads(path: Path, scalar: str) -> None:
    path.write_text(f"key: {scalar}\n")
    expected = load_yaml(path)["key"]
    value = load(path)["key"]
    assert type(value) is type(expected)
    assert repr(value) == repr(expected)


def test_values_in_messages_are_short(path: Path) -> None:
    path.write_text(f"training: {'x' * 100_000}")
    with pytest.raises(UserError, match="training is 'xxx") as error:
        read("training", TrainingParams, path)
    assert len(str(error.value)) < 400


def test_section_is_read_whatever_the_others_contain(path: Path) -> None:
    training = yaml.safe_load((ROOT / "params.yaml").read_text())["training"]
    path.write_text(yaml.safe_dump({"training": training, "figures": "broken"}))
    assert read("training", TrainingParams, path).batch_size == 128


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed: \udcff", "is not UTF-8 text"),
        ("a: [1", "is not valid YAML"),
        ("- 1", "must be a mapping of sections"),
        ("seed: 1\nseed: 2", 'the key "seed" occurs twice in one block, again in line 2'),
        ("seed: !!int x", "is not valid YAML"),
        ("seed: !!python/object:os.system {}", "is not valid YAML"),
        ("seed: \0", "is not valid YAML"),
    ],
)
def test_file_without_a_mapping_of_sections_is_refused(
    path: Path, text: str, sentence: str
) -> None:
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(UserError, match=sentence):
        load(path)
    with pytest.raises(UserError, match="run from the repository's root"):
        load(path.with_name("nowhere.yaml"))


def test_key_of_another_type_is_named_as_a_key() -> None:
    with pytest.raises(UserError, match=r"params\.yaml: a key of the file is None: input"):
        validate({None: 1}, dict[str, int])

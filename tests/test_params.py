"""params.yaml: what is read, and what is refused with which sentence."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from stages.errors import UserError
from stages.params.models import Model
from stages.params.reader import load, read, validate
from stages.params.training import Training
from stages.params.whole import Params
from tools.copy_project import QUICK, set_key

VALID = load(ROOT / "params.yaml")


def check(values: dict[str, Any]) -> Params:
    return validate(values, Params, Path("params.yaml"))


def test_the_committed_file_is_valid_and_frozen() -> None:
    params = check(VALID)
    with pytest.raises(Exception, match="frozen"):
        params.training.epochs = 3


def test_tables_1_and_3() -> None:
    models = check(VALID).models
    assert list(models) == ["model1", "model2", "model3", "model4"]
    hot = {m: (models[m].degradation.beta, models[m].degradation.T) for m in ("model1", "model2")}
    assert hot == {"model1": ((1e-4, 0.02), 1000), "model2": ((1e-4, 0.05), 1200)}
    assert [models[m].learning_rate for m in models] == [2e-4, 1e-3, 2e-4, 2e-4]
    assert models["model1"].network.hidden == (16, 32, 32, 16)
    for name in ("model2", "model3", "model4"):
        assert models[name].network.hidden == (32, 64, 128, 64, 32)
    for name in ("model3", "model4"):
        assert (models[name].degradation.rho, models[name].degradation.T) == ((0.05, 0.25), 150)
    assert [models[m].network.dropout for m in models] == [0, 0, 0, 0.15]
    assert [models[m].plateau for m in ("model1", "model2", "model3")] == [None] * 3
    assert (models["model4"].plateau.factor, models["model4"].plateau.patience) == (0.5, 3)


def test_the_quick_budget_is_valid() -> None:
    values = copy.deepcopy(VALID)
    for key, value in QUICK.items():
        set_key(values, key, value)
    check(values)


def test_make_paper_asks_for_the_published_budget() -> None:
    makefile = (ROOT / "Makefile").read_text()
    overrides = re.search(r"^PAPER := (.*?[^\\])$", makefile, re.MULTILINE | re.DOTALL).group(1)
    values = copy.deepcopy(VALID)
    for item in overrides.replace("\\\n", " ").split():
        key, value = item.split("=")
        set_key(values, key, int(value))
    params = check(values)
    assert (params.training.epochs, params.training.images) == (75, 48_000)
    assert (params.training.validation_images, params.sampling.images) == (12_000, 1000)


REMOVE = object()
BAD = [
    ("training.epochs", REMOVE, "training.epochs is missing"),
    ("training.epochs", 0, "training.epochs is 0: input should be greater than or equal to 1"),
    ("training.epochs", "5", "training.epochs is '5': input should be a valid integer"),
    ("training.epochs", 5.0, "training.epochs is 5.0: input should be a valid integer"),
    ("training.epochs", True, "training.epochs is True: input should be a valid integer"),
    ("training.epoch", 5, "training.epoch is not a known key"),
    ("training.batch_size", 5000, "batch_size is 5000, must not exceed images, 1024"),
    ("training.images", 50_000, "training.images is 50000, must not exceed data.train, 48000"),
    ("training.precision", "float16", "training.precision is 'float16': input should be 'auto'"),
    ("training.checkpoints", (1, 0), "training.checkpoints.1 is 0: input should be greater"),
    ("seed", -1, "seed is -1: input should be greater than or equal to 0"),
    ("seed", None, "seed is None: input should be a valid integer"),
    ("data.train", 40_000, "data: train + validation is 52000, must be 60000"),
    ("data.held_out", 20_000, "data: held_out is 20000, must not exceed validation, 12000"),
    ("models", {}, "models is {}: dictionary should have at least 1 item"),
    ("models.model1.learning_rate", float("nan"), "learning_rate is nan: input should be"),
    ("models.model1.learning_rate", 0, "models.model1.learning_rate is 0: input should be greater"),
    ("models.model1.learning_rate", -1e-3, "learning_rate is -0.001: input should be greater"),
    ("models.model1.degradation.beta", (1e-4, 2.0), "models.model1.degradation.beta.1 is 2.0: inp"),
    ("models.model1.degradation.beta", (0.02, 1e-4), "models.model1.degradation.beta: [0.02, 0.00"),
    ("models.model1.degradation.T", 0, "models.model1.degradation.T is 0: input should be greater"),
    ("models.model3.degradation.rho", (0.05, 0.6), "models.model3.degradation.rho.1 is 0.6: input"),
    (
        "models.model3.degradation.kind",
        "blur",
        "models.model3.degradation.kind is 'blur': in",
    ),
    (
        "models.model3.degradation.beta",
        (1e-4, 2e-2),
        "models.model3.degradation.beta is not a know",
    ),
    ("models.model1.network.hidden", (), "models.model1.network.hidden is (): tuple should have"),
    ("models.model4.network.dropout", 1.0, "models.model4.network.dropout is 1.0: input should be"),
    ("models.model4.plateau.factor", 1.5, "models.model4.plateau.factor is 1.5: input should be"),
    ("classifier.images", 60_000, "classifier.images is 60000, must not exceed 60000 - data.held"),
    ("sampling.sampler", "ddim", "sampling.sampler is 'ddim': input should be 'ancestral' or"),
    ("sampling.eta", 1.5, "sampling.eta is 1.5: input should be less than or equal to 1"),
    ("step_study.etas", (0.0, 2.0), "step_study.etas.1 is 2.0: input should be less than or equal"),
    ("step_study.steps", (), "step_study.steps is (): tuple should have at least 1 item"),
    ("step_study.steps", (9, 1100), "step_study.steps is 1100, must not exceed T of model1, 1000"),
    ("sampling.images", 11_000, "sampling.images is 11000, must not exceed data.held_out, 10000"),
    ("evaluation.inception", "maybe", "evaluation.inception is 'maybe': input should be 'auto'"),
    ("evaluation.reference", 10_001, "evaluation.reference is 10001: input should be less than"),
    ("figures.loss_scale", "cubic", "figures.loss_scale is 'cubic': input should be 'linear' or"),
]


@pytest.mark.parametrize(("key", "value", "sentence"), BAD, ids=[f"{k}={v}" for k, v, _ in BAD])
def test_bad_values_are_refused_with_path_and_value(key: str, value: Any, sentence: str) -> None:
    values = copy.deepcopy(VALID)
    *parents, last = key.split(".")
    block = values
    for part in parents:
        block = block[part]
    if value is REMOVE:
        del block[last]
    else:
        block[last] = value
    with pytest.raises(UserError) as error:
        check(values)
    assert sentence in str(error.value)
    assert str(error.value).startswith("params.yaml: ")


def test_a_bad_model_name_is_refused() -> None:
    values = copy.deepcopy(VALID)
    values["models"]["../model"] = values["models"]["model1"]
    with pytest.raises(UserError, match=r"models\.\.\./model"):
        check(values)


def test_steps_must_fit_every_model_they_are_used_for() -> None:
    values = copy.deepcopy(VALID)
    values["sampling"]["steps"] = 1100
    check(values)  # not used by the ancestral sampler
    values["sampling"]["sampler"] = "strided"
    with pytest.raises(UserError, match=r"sampling\.steps is 1100.*model1, 1000"):
        check(values)


def test_a_near_miss_gets_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"traning": {}}))
    with pytest.raises(UserError, match=r"training is missing \(did you mean 'traning'\?\)"):
        read("training", Training, path)
    values = copy.deepcopy(VALID)
    values["training"]["epoch"] = values["training"].pop("epochs")
    with pytest.raises(UserError, match=r"training\.epoch is not a known key \(did you mean 'epo"):
        check(values)


@pytest.mark.parametrize("written", ["1e-05", "1e-5", "1.0e-05", "0.00001", "1E-5"])
def test_numbers_as_exp_run_writes_them(tmp_path: Path, written: str) -> None:
    text = (ROOT / "params.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("learning_rate: 2.0e-4", f"learning_rate: {written}"))
    assert read("models.model1", Model, path).learning_rate == 1e-5


def test_off_is_a_word_as_dvc_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("inception: off\nplain: true\n")
    assert load(path) == {"inception": "off", "plain": True}


def test_one_stage_reads_its_sections_whatever_the_others_hold(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "training": yaml.safe_load((ROOT / "params.yaml").read_text())["training"],
                "figures": "broken",
            }
        )
    )
    assert read("training", Training, path).batch_size == 128


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "is not valid YAML"),
        ("- 1", "must be a mapping of sections"),
        ("seed: 1\nseed: 2", "the key 'seed' stands twice"),
    ],
)
def test_files_that_are_no_params(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        load(path)
    with pytest.raises(UserError, match="run from the repository's root"):
        load(tmp_path / "nowhere.yaml")

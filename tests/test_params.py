"""params.yaml: what is read, and what is refused with which sentence."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from diffusion.models.params import Model
from diffusion.params import Params
from diffusion.runtime.errors import UserError
from diffusion.runtime.params import load, read, validate
from diffusion.training.params import Training
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
    published = ["model1", "model2", "model3", "model4"]
    assert list(models)[:4] == published
    hot = {m: (models[m].degradation.beta, models[m].degradation.T) for m in ("model1", "model2")}
    assert hot == {"model1": ((1e-4, 0.02), 1000), "model2": ((1e-4, 0.05), 1200)}
    assert [models[m].learning_rate for m in published] == [2e-4, 1e-3, 2e-4, 2e-4]
    assert models["model1"].network.hidden == (16, 32, 32, 16)
    for name in ("model2", "model3", "model4"):
        assert models[name].network.hidden == (32, 64, 128, 64, 32)
    for name in ("model3", "model4"):
        assert (models[name].degradation.rho, models[name].degradation.T) == ((0.05, 0.25), 150)
    assert [models[m].network.dropout for m in published] == [0, 0, 0, 0.15]
    assert [models[m].plateau for m in ("model1", "model2", "model3")] == [None] * 3
    assert (models["model4"].plateau.factor, models["model4"].plateau.patience) == (0.5, 3)
    recipe = {"prediction", "ema", "annealing", "stratified_t"}
    assert not any(models[m].model_fields_set & recipe for m in published)
    params = check(VALID)
    assert [params.sampler(m).kind for m in published] == ["ancestral"] * 2 + ["cold"] * 2


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
        set_key(values, key, yaml.safe_load(value))
    params = check(values)
    assert (params.training.epochs, params.training.images) == (75, 48_000)
    assert (params.training.validation_images, params.sampling.images) == (12_000, 1000)
    assert params.evaluation.inception == "auto"


REMOVE = object()
NAN, INFINITY = float("nan"), float("inf")
ONE_MORE = "input should be greater than or equal to 1"
INTEGER, NUMBER = "input should be a valid integer", "input should be a valid number"
BETWEEN = "input should be greater than 0"
NAME = "is no name of a model, must be a letter, then up to 63 letters, digits, _ or -"
BAD = [  # key, value, and what the sentence says after the key's path and the value
    ("seed", REMOVE, "is missing"),
    ("seed", -1, "input should be greater than or equal to 0"),
    ("seed", None, INTEGER),
    ("seed", NAN, INTEGER),
    ("seed", 2**63, "input should be less than 9223372036854775808"),
    ("data", REMOVE, "is missing"),
    ("data.held_out", REMOVE, "is missing"),
    ("data.held_out", 0, ONE_MORE),
    ("data.held_out", 20_000, "must not exceed data.validation, 12000"),
    ("data.split_seed", "42", INTEGER),
    ("classifier", None, "input should be a valid dictionary"),
    ("classifier.epochs", REMOVE, "is missing"),
    ("classifier.epochs", 0, ONE_MORE),
    ("classifier.images", 60_000, "must not exceed 60000 - data.held_out, 50000"),
    ("classifier.batch_size", 60_000, "must not exceed classifier.images, 50000"),
    ("classifier.learning_rate", 0.0, BETWEEN),
    ("classifier.learning_rate", 1.0, "input should be less than 1"),
    ("training", [], "input should be a valid dictionary"),
    ("training.weights", "bfloat16", "input should be 'float16' or 'float32'"),
    ("training.epochs", REMOVE, "is missing"),
    ("training.epochs", 0, ONE_MORE),
    ("training.epochs", "5", INTEGER),
    ("training.epochs", 5.0, INTEGER),
    ("training.epochs", True, INTEGER),
    ("training.epochs", NAN, INTEGER),
    ("training.epoch", 5, "not a known key (did you mean 'epochs'?)"),
    ("training.batchsize", 5, "not a known key (did you mean 'batch_size'?)"),
    ("training.zzz", 5, "not a known key (known here: batch_size, checkpoints, epochs, imag"),
    ("training.batch_size", -128, ONE_MORE),
    ("training.batch_size", 50_000, "must not exceed training.images, 48000"),
    ("training.images", 50_000, "must not exceed data.train, 48000"),
    ("training.validation_images", 12_001, "must not exceed data.validation, 12000"),
    ("training.checkpoints", 5, "input should be a valid tuple"),
    ("training.checkpoints", (1, 1), "must name each epoch once"),
    ("training.precision", "float16", "input should be 'auto', 'float32' or 'bfloat16'"),
    ("models", REMOVE, "is missing"),
    ("models", {}, "dictionary should have at least 1 item"),
    ("models.model1", None, "input should be a valid dictionary"),
    ("models.model1.learning_rate", REMOVE, "is missing"),
    ("models.model1.learning_rate", NAN, "input should be a finite number"),
    ("models.model1.learning_rate", INFINITY, "input should be a finite number"),
    ("models.model1.learning_rate", 0, BETWEEN),
    ("models.model1.learning_rate", -1e-3, BETWEEN),
    ("models.model1.learning_rate", "fast", NUMBER),
    ("models.model1.learningrate", 1e-3, "not a known key (did you mean 'learning_rate'?)"),
    ("models.model1.degradation", "gaussian", "input should be a valid dictionary"),
    ("models.model1.degradation.T", REMOVE, "is missing"),
    ("models.model1.degradation.T", 0, "input should be greater than or equal to 2"),
    ("models.model1.degradation.T", 1e3, INTEGER),
    ("models.model1.degradation.beta", (0.02, 1e-4), "must be [beta1, beta2] with beta1 <= beta2"),
    ("models.model1.degradation.beta", 0.02, "input should be a valid tuple"),
    (
        "models.model1.degradation.rho",
        (0.1, 0.2),
        "not a known key (known here: T, beta, kind, schedule)",
    ),
    ("models.model3.degradation.kind", "snow", "input should be 'gaussian', 'impulse', 'blur'"),
    ("models.model3.degradation.kind", REMOVE, "is missing"),
    ("models.model3.degradation.rho", (0.2, 0.1), "must be [rho_start, rho_end] with rho_start <="),
    ("models.model1.network.kind", "vit", "input should be 'cnn', 'unet'"),
    ("models.model1.network.hidden", (), "tuple should have at least 1 item"),
    ("models.model1.network.hidden", 16, "input should be a valid tuple"),
    ("models.model4.network.dropout", 1.0, "input should be less than 1"),
    ("models.model4.network.dropout", -0.1, "input should be greater than or equal to 0"),
    ("models.model4.plateau.factor", 1.5, "input should be less than 1"),
    ("models.model4.plateau.patience", -1, "input should be greater than or equal to 0"),
    ("models.model5.degradation.schedule", "linear", "input should be 'cosine'"),
    ("models.model5.degradation.beta", (0.1, 0.2), "must be absent beside schedule: cosine"),
    (
        "models.model5.network.hidden",
        (32,),
        "not a known key (known here: channels, kind)",
    ),
    ("models.model5.prediction", "noise", "input should be 'eps', 'x_0', 'v' or 'categorical'"),
    ("models.model5.prediction", "categorical", "must be 'eps' or 'x_0' or 'v' for gaussian"),
    ("models.model3.prediction", "eps", "must be 'x_0' or 'categorical' for impulse degradation"),
    ("models.model5.ema.decay", 1.0, "input should be less than 1"),
    ("models.model5.annealing.warmup", 1.0, "input should be less than 1"),
    ("models.model5.stratified_t", "yes", "input should be a valid boolean"),
    ("sampling.samplers.model5.steps", 1001, "must not exceed T of model5, 1000"),
    ("sampling.samplers.model5.kind", "ddim", "be 'ancestral', 'strided', 'posterior'"),
    ("sampling.samplers.model5.eta", 2.0, "input should be less than or equal to 1"),
    ("sampling.samplers.model6.steps", 151, "must not exceed T of model6, 150"),
    ("models.model6.degradation.levels", 1, "input should be greater than or equal to 2"),
    ("sampling.images", 3, "input should be greater than or equal to 4"),
    ("sampling.images", 11_000, "must not exceed data.held_out, 10000"),
    ("sampling.steps", 0, ONE_MORE),
    ("sampling.epoch", -1, ONE_MORE),
    ("sampling.sampler", "ddim", "input should be 'ancestral' or 'strided'"),
    ("sampling.eta", 1.5, "input should be less than or equal to 1"),
    ("sampling.eta", NAN, "input should be a finite number"),
    ("sampling.start", "middle", "input should be 'validation', 'train' or 'noise'"),
    ("step_study.steps", (), "tuple should have at least 1 item"),
    ("evaluation.inception", "maybe", "input should be 'auto', 'required' or 'off'"),
    ("evaluation.inception_weights", 3, "input should be a valid string"),
    ("evaluation.reference", 10_001, "input should be less than or equal to 10000"),
    ("evaluation.bootstrap", 1, "input should be greater than or equal to 2"),
    ("evaluation.splits", 1001, "must not exceed sampling.images, 1000"),
    ("evaluation.neighbours", 0, ONE_MORE),
    ("figures.dpi", 3000, "input should be less than or equal to 600"),
    ("figures.loss_scale", "cubic", "input should be 'linear' or 'log'"),
    ("figures.colour", "red", "not a known key (known here: dpi, "),
    ("plots", {}, "not a known key (known here: classifier, data, evaluation, figures, mod"),
]


def changed(key: str, value: Any) -> dict[str, Any]:
    """The committed values with another one at a dotted key, or without it."""
    values = copy.deepcopy(VALID)
    *parents, last = key.split(".")
    block = values
    for part in parents:
        block = block[part]
    block[last] = value
    if value is REMOVE:
        del block[last]
    return values


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(UserError) as error:
        check(values)
    return str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    BAD,
    ids=[f"{k}={'missing' if v is REMOVE else v}" for k, v, _ in BAD],
)
def test_bad_values_are_refused_with_path_value_and_what_is_allowed(
    key: str, value: Any, allowed: str
) -> None:
    said = refusal(changed(key, value))
    shown = (
        ""
        if value is REMOVE
        else f"is {list(value) if 'must ' in allowed and isinstance(value, tuple) else value!r}"
    )
    assert said.startswith(f"params.yaml: {key} {shown}")
    assert allowed in said
    assert "\n" not in said


BLUR, SIDES = {"kind": "blur", "std": 2.0, "T": 9}, {"kind": "pixelation", "sides": (2, 3)}
COSINE = {"kind": "gaussian", "schedule": "cosine", "T": 1000}
COMBINATIONS = [  # of a model's block: what differs from the committed file, and the sentence
    ("model1", {"degradation": {"kind": "gaussian", "T": 9}}, "degradation.beta is missing"),
    (
        "model1",
        {"degradation": BLUR, "prediction": "v"},
        "prediction is 'v', must be 'x_0' for blur",
    ),
    ("model1", {"degradation": BLUR | {"std": 0.0}}, "degradation.std is 0.0: input should be gre"),
    ("model1", {"degradation": SIDES}, "degradation.sides is [2, 3], must be two or more of 2, 4"),
    ("model4", {"annealing": {"warmup": 0.1}}, "annealing is there, must be absent beside plateau"),
    ("model6", {"prediction": None}, "degradation.levels is 16, must be absent without predict"),
    ("model7", {"prediction": "categorical"}, "degradation.levels is missing: a categorical"),
    (
        "model6",
        {"degradation": {"kind": "impulse", "rho": (0.0, 0.4), "T": 150, "levels": 16}},
        "degradation.rho ends at 0.4, must end at 0.5 with prediction: categorical",
    ),
    (
        "model6",
        {"network": {"kind": "cnn", "hidden": (8,)}},
        "network.kind is 'cnn', must be 'unet' with prediction: categorical",
    ),
]


@pytest.mark.parametrize(("name", "update", "sentence"), COMBINATIONS)
def test_what_does_not_belong_together_is_refused_in_one_sentence(
    name: str, update: dict[str, Any], sentence: str
) -> None:
    values = copy.deepcopy(VALID)
    values["models"][name] |= update
    said = refusal(values)
    assert said.startswith(f"params.yaml: models.{name}.")
    assert sentence in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("key", "value", "place", "allowed"),
    [
        ("training.checkpoints", (1, 0), "1 is 0", ONE_MORE),
        ("models.model1.degradation.beta", (1e-4, 2.0), "1 is 2.0", "input should be less than 1"),
        ("models.model1.degradation.beta", (0, 0.5), "0 is 0", BETWEEN),
        ("models.model1.degradation.beta", (0.1, NAN), "1 is nan", "should be a finite number"),
        ("models.model5.network.channels", (32, 64), "2 is missing", "is missing"),
        ("models.model5.network.channels", (32, 64, 60), "2 is 60", "a multiple of 8"),
        ("models.model1.degradation.beta", (0.1,), "1 is missing", "is missing"),
        ("models.model3.degradation.rho", (0.05, 0.6), "1 is 0.6", "less than or equal to 0.5"),
        ("models.model3.degradation.rho", (-0.1, 0.2), "0 is -0.1", "than or equal to 0"),
        ("models.model1.network.hidden", (16, 0), "1 is 0", ONE_MORE),
        ("models.model1.network.hidden", (16, "32"), "1 is '32'", INTEGER),
        ("step_study.etas", (0.0, 2.0), "1 is 2.0", "input should be less than or equal to 1"),
        ("step_study.steps", (9, 0), "1 is 0", ONE_MORE),
    ],
)
def test_a_bad_value_in_a_list_is_named_by_its_place(
    key: str, value: Any, place: str, allowed: str
) -> None:
    said = refusal(changed(key, value))
    assert said.startswith(f"params.yaml: {key}.{place}")
    assert allowed in said


def test_the_parts_of_mnist_must_be_all_of_it() -> None:
    said = refusal(changed("data.train", 40_000))
    assert said.startswith("params.yaml: data.train + data.validation is 52000, must be 60000")


def test_a_study_takes_no_more_steps_than_the_model_has() -> None:
    said = refusal(changed("step_study.steps", (9, 1100)))
    assert said == "params.yaml: step_study.steps is 1100, must not exceed T of model1, 1000"


def test_every_fault_gets_a_line() -> None:
    values = changed("training.epochs", 0)
    values["figures"]["dpi"] = 1
    assert len(refusal(values).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("../model", NAME),
        ("a/b", NAME),
        ("a model", NAME),
        ("", NAME),
        ("1st", NAME),
        (".hidden", NAME),
        ("x" * 65, NAME),
        ("real", "must be none of classifier, real: metrics.json uses them"),
    ],
)
def test_a_model_needs_a_name_that_can_be_a_file_name(name: str, allowed: str) -> None:
    values = copy.deepcopy(VALID)
    values["models"][name] = values["models"]["model1"]
    said = refusal(values)
    assert said.startswith(f"params.yaml: models.{name} is no name of a model")
    assert allowed in said


def test_checkpoints_beyond_the_budget_are_allowed() -> None:
    """One list serves every number of epochs: the last is always kept."""
    assert check(changed("training.checkpoints", (1, 75))).training.checkpoints == (1, 75)


def test_steps_must_fit_every_model_they_are_used_for() -> None:
    values = copy.deepcopy(VALID)
    values["sampling"]["steps"] = 1100
    check(values)  # not used by the ancestral sampler
    values["sampling"]["sampler"] = "strided"
    with pytest.raises(UserError, match=r"sampling\.steps is 1100.*model1, 1000"):
        check(values)


@pytest.mark.parametrize(
    ("name", "sampler", "sentence"),
    [
        ("model3", {"kind": "strided", "steps": 5}, "must be absent: both cold samplers are used"),
        ("model5", {"kind": "posterior", "steps": 5}, "must be 'ancestral' or 'strided'"),
        ("model6", {"kind": "ancestral"}, "model6.kind is 'ancestral', must be 'posterior'"),
        ("model9", {"kind": "ancestral"}, "model9 is of no model, must be of model1, model2,"),
    ],
)
def test_a_sampler_must_fit_its_model(name: str, sampler: dict[str, Any], sentence: str) -> None:
    values = copy.deepcopy(VALID)
    values["sampling"]["samplers"][name] = sampler
    said = refusal(values)
    assert said.startswith(f"params.yaml: sampling.samplers.{name}")
    assert sentence in said


def test_what_a_model_is_sampled_by_is_its_own_or_that_of_all() -> None:
    values = copy.deepcopy(VALID)
    values["sampling"] |= {"sampler": "strided", "steps": 20, "eta": 0.5, "start": "train"}
    del values["sampling"]["samplers"]["model6"]
    params = check(values)
    said = {name: params.sampler(name).model_dump() for name in params.models}
    assert said["model1"] == said["model2"] == {"kind": "strided", "steps": 20, "eta": 0.5}
    assert said["model3"] == said["model4"] == {"kind": "cold", "start": "train"}
    assert said["model5"] == VALID["sampling"]["samplers"]["model5"]
    assert said["model6"] == {"kind": "posterior", "steps": 150, "eta": 0.0}


def test_a_near_miss_gets_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"traning": {}}))
    with pytest.raises(UserError, match=r"training is missing \(did you mean 'traning'\?\)"):
        read("training", Training, path)
    values = copy.deepcopy(VALID)
    values["training"]["epoch"] = values["training"].pop("epochs")
    with pytest.raises(
        UserError, match=r"training\.epoch is 10: not a known key \(did you mean 'epochs"
    ):
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

"""params.yaml: its values, and the sentences with which wrong values are refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from hotcold.params import Params
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, parse, validate
from hotcold.sampling.bases import combinations
from tools.copy_project import QUICK_LIMIT, quick_budget, set_key
from tools.copy_project import changed as copied

VALID = load(ROOT / "params.yaml")


def check(values: dict[str, Any]) -> Params:
    return validate(values, Params, Path("params.yaml"))


def test_published_models_have_the_published_predictions_samplers_and_recipes() -> None:
    """tests/reporting/test_settings.py compares their other settings with the published ones."""
    models = list(check(VALID).models.values())[:4]
    assert [model.network.predicts for model in models] == ["eps"] * 2 + ["x_0"] * 2
    assert [model.sampler.kind for model in models] == ["ancestral"] * 2 + ["cold"] * 2
    recipe = {"epochs", "ema", "warmup", "stratified_t"}
    assert not any(model.training.model_fields_set & recipe for model in models)


def test_quick_budget_is_valid() -> None:
    params = check(copied(quick_budget()))
    assert max(model.degradation.T for model in params.models.values()) == QUICK_LIMIT == 10
    sampler = params.models["model8"].sampler
    assert (sampler.steps, sampler.churn) == (10, 10.0)


def test_committed_budget_is_the_published_one_and_frozen() -> None:
    published = load(ROOT / "report/published/scores.yaml")
    params = check(VALID)
    with pytest.raises(Exception, match="frozen"):
        params.training.epochs = 3
    assert [params.epochs(model) for model in published["models"]] == [published["epochs"]] * 4
    assert params.training.images == published["images"]
    assert params.sampling.images == published["samples"]
    assert params.training.validation_images == 12_000


REMOVE = object()
NAN = float("nan")
MOST, FEWEST = (f"input should be {which} than or equal to" for which in ("less", "greater"))
ONE_MORE, ZERO = f"{FEWEST} 1", f"{FEWEST} 0"
INTEGER = "input should be a valid integer"
NAME = "is not a valid name of a model, must be a letter, then up to 63 letters, digits, _ or -"
BELOW_1 = "input should be less than 1"
UNKNOWN = "not a known key (allowed keys: "
BAD = [  # keys, a value, and what the sentence contains after the key's path and the value
    (
        "seed precision data data.held_out classifier.epochs training.epochs models "
        "models.model1.training models.model1.training.learning_rate models.model1.degradation.T "
        "models.model3.degradation.kind models.model5.network.predicts models.model1.sampler "
        "models.model1.sampler.kind models.model5.sampler.steps",
        REMOVE,
        "is missing",
    ),
    (
        "classifier.epochs training.epochs models.model1.training.epochs evaluation.neighbours "
        "evaluation.permutations evaluation.subsets likelihood.steps models.model5.sampler.steps "
        "data.held_out training.batch_size",
        0,
        ONE_MORE,
    ),
    ("seed models.model4.training.plateau.patience models.model4.network.dropout", -1, ZERO),
    ("seed", 2**63, "input should be less than 9223372036854775808"),
    ("training.epochs", "5", INTEGER),
    ("models.model5.sampler.order", True, INTEGER),
    ("models.model5.sampler.order", 3, f"{MOST} 2"),
    ("seed training.epochs", NAN, INTEGER),
    ("classifier models.model1", None, "input should be a valid dictionary"),
    ("models.model1.training.learning_rate models.model5.sampler.eta", NAN, "a finite number"),
    ("models.model1.training.learning_rate classifier.learning_rate", 1e-8, f"{FEWEST} 0.0000001"),
    (
        "models.model4.network.dropout models.model5.training.ema models.model5.training.warmup "
        "classifier.learning_rate models.model4.training.plateau.factor",
        1.0,
        BELOW_1,
    ),
    ("models.model5.sampler.eta models.model6.sampler.eta", 1.5, f"{MOST} 1"),
    ("models.model1.degradation.T models.model6.degradation.levels", 1, f"{FEWEST} 2"),
    ("models.model1.degradation.T", 10**12, f"{MOST} 10000"),
    ("evaluation.bootstrap", 1, f"{FEWEST} 2"),
    ("evaluation.bootstrap", 10**9, f"{MOST} 100000"),
    ("models.model1.network.hidden", (8,) * 33, "tuple should have at most 32 items"),
    ("models.model1.network.hidden", (), "tuple should have at least 1 item"),
    ("models", {}, "dictionary should have at least 1 item"),
    ("likelihood.images", 3, f"{FEWEST} 4"),
    ("likelihood.images", 150, "is 150, must be a multiple of 100, or less than that"),
    ("models.model8.sampler.temperature", 0.001, f"{FEWEST} 0.01"),
    ("sampling.images", 9, f"{FEWEST} 10"),
    ("sampling.guidances", (), "is [], must have some: model9 has labels"),
    ("models.model9.training.label_dropout", 0.0, "is 0.0, must be more than 0: without it"),
    ("evaluation.reference inception.reference", 10_001, f"{MOST} 10000"),
    ("figures.examples_per_digit", 10**8, f"{MOST} 100"),
    ("figures.dpi", 3000, f"{MOST} 600"),
    # What fits another key.
    ("data.train", 40_000, " + data.validation is 52000, must be 60000"),
    ("data.held_out", 20_000, "must not exceed data.validation, 12000"),
    ("classifier.images", 60_000, "must not exceed 60000 - data.held_out, 50000"),
    ("classifier.batch_size", 60_000, "must not exceed classifier.images, 50000"),
    ("training.batch_size", 50_000, "must not exceed training.images, 48000"),
    ("training.images", 50_000, "must not exceed data.train, 48000"),
    ("training.validation_images", 12_001, "must not exceed data.validation, 12000"),
    ("training.checkpoints", (1, 1), "must contain each epoch once"),
    ("sampling.images", 11_000, "must not exceed data.held_out, 10000"),
    ("evaluation.splits", 101, "must not exceed 100: each needs at least 10 of the 1000"),
    ("models.model5.sampler.steps", 1001, "must not exceed degradation.T, 1000"),
    ("models.model6.sampler.steps", 151, "must not exceed degradation.T, 150"),
    ("models.model5.degradation.beta", (0.1, 0.2), "must be absent with schedule: cosine"),
    ("models.model1.degradation.beta", (0.02, 1e-4), "must be [beta1, beta2] with beta1 <= beta2"),
    ("models.model1.degradation.beta", (0.5, 0.99), "must be smaller for T = 1000: alpha_bar"),
    ("models.model1.degradation.beta", (1e-17, 1e-17), " starts at 1e-17, must be at least 1e-15"),
    ("models.model3.degradation.rho", (0.0, 0.0), "must be [rho_start, rho_end] with rho_start <="),
    ("models.model3.degradation.rho", (0.2, 0.1), "must be [rho_start, rho_end] with rho_start <="),
    ("models.model5.network.predicts", "categorical", "must be 'eps' or 'x_0' or 'v' for gaussian"),
    ("models.model3.network.predicts", "eps", "must be 'x_0' or 'categorical' for impulse degrad"),
    # A place in a list.
    ("training.checkpoints", (1, 0), f".1 is 0: {ONE_MORE}"),
    ("models.model1.degradation.beta", (1e-4, 2.0), f".1 is 2.0: {BELOW_1}"),
    ("models.model1.degradation.beta", (0, 0.5), ".0 is 0: input should be greater than 0"),
    ("models.model5.network.channels", (32, 64), ".2 is missing"),
    ("models.model5.network.channels", (32, 64, 60), ".2 is 60: input should be a multiple of 8"),
    ("models.model3.degradation.rho", (0.05, 0.6), ".1 is 0.6: input should be less than or eq"),
    ("models.model3.degradation.rho", (-0.1, 0.2), f".0 is -0.1: {ZERO}"),
    ("models.model1.network.hidden", (16, 0), f".1 is 0: {ONE_MORE}"),
    # One of a few words.
    ("precision", "float16", "input should be 'auto', 'float32' or 'bfloat16'"),
    ("training.weights", "bfloat16", "input should be 'float16' or 'float32'"),
    ("models.model3.degradation.kind", "snow", "input should be 'blur', 'dissipation', 'fad"),
    ("models.model1.network.kind", "vit", "input should be 'cnn'"),
    ("models.model5.degradation.schedule", "linear", "input should be 'cosine'"),
    ("models.model5.network.predicts", "noise", "must be 'eps' or 'x_0' or 'v' for gaussian"),
    ("models.model5.sampler.kind", "strided", "be 'ancestral', 'blurring', "),
    ("models.model3.sampler.start", "middle", "input should be 'validation', 'train' or 'noise'"),
    ("inception.use", "maybe", "input should be 'auto', 'required' or 'off'"),
    # Unknown keys.
    ("training.epoch", 5, "not a known key (did you mean 'epochs'?)"),
    ("models.model1.training.learningrate", 1e-3, "not a known key (did you mean 'learning_rate'"),
    ("models.model1.degradation.rho", (0.1, 0.2), f"{UNKNOWN}T, beta, kind, schedule)"),
    ("plots", {}, f"{UNKNOWN}classifier, data, evaluation, figures, inc"),
]


def changed(key: str, value: Any, values: dict[str, Any] = VALID) -> dict[str, Any]:
    """A copy of the values with another one at a dotted key, or without it."""
    values = copy.deepcopy(values)
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


@pytest.mark.parametrize(("keys", "value", "allowed"), BAD)
def test_bad_value_is_refused_with_its_key_and_the_allowed_values(
    keys: str, value: Any, allowed: str
) -> None:
    for key in keys.split():
        message = refusal(changed(key, value))
        written = list(value) if "must " in allowed and isinstance(value, tuple) else value
        shown = "" if value is REMOVE or allowed[0] in ". " else f" is {written!r}"
        assert message.startswith(f"params.yaml: {key}{shown}")
        assert allowed in message
        assert "\n" not in message


HEAT = "degradation: {kind: dissipation, std: [0.3, 20.0], noise: 0.1, T: 9}"
COMBINATIONS = [  # of a model's block: what differs from the committed file, and the sentence
    ("model1", "degradation: {kind: gaussian, T: 9}", "degradation.beta is missing"),
    ("model1", "degradation: {kind: blur, std: 0.4, T: 9}", "std is 0.4: input should be greater"),
    ("model1", "degradation: {kind: fading, width: 5e-324, T: 9}", "width is 5e-324: input should"),
    ("model1", f"{{{HEAT}, degradation.std: [0.01, 2.0]}}", "degradation.std.0 is 0.01: input sho"),
    ("model7", f"{{{HEAT}, degradation.std: [3.0, 2.0]}}", "std is [3.0, 2.0], must be ["),
    ("model1", "degradation: {kind: pixelation, sides: [2, 3]}", "sides is [2, 3], must be two or"),
    ("model5", "degradation: {kind: gaussian, beta: [1.0e-4, 0.05], T: 1200}", "falls to 5.1e-14"),
    ("model6", "sampler.churn: 51.0", "sampler.churn is 51.0, must not exceed steps, 50"),
    ("model6", "{sampler.eta: 0.5, sampler.churn: 1.0}", "churn is 1.0, must be absent with eta"),
    ("model4", "training.warmup: 0.1", "training.warmup is 0.1, must be absent with plateau"),
    ("model7", "degradation.known_mask: true", "degradation.known_mask is True, must be absent"),
    ("model8", "degradation.levels: 15", "degradation.levels is 15, must be even with known_mask"),
    ("model8", "network.classes: 10", "network.classes is 10, must be absent for impulse degrad"),
    ("model9", "network.classes: 9", "network.classes is 9: "),
    ("model5", "sampler.guidance: 2.0", "sampler.guidance is 2.0, must be absent without network"),
    ("model5", "training.label_dropout: 0.1", "training.label_dropout is 0.1, must be absent with"),
    ("model6", "network.predicts: x_0", "degradation.levels is 16, must be absent unless netw"),
    ("model7", "network.predicts: categorical", "degradation.levels is missing: a categorical"),
    ("model6", "degradation.rho: [0.0, 0.4]", "degradation.rho ends at 0.4, must end at 0.5 for a"),
    ("model6", "network: {kind: cnn, hidden: [8], predicts: categorical}", "one channel"),
    # A prediction or a sampler that does not fit the degradation.
    ("model1", "{degradation: {kind: blur, std: 2.0, T: 9}, network.predicts: v}", "must be 'x_0'"),
    ("model5", HEAT, "network.predicts is 'v', must be 'x_0' for dissipation"),
    ("model7", HEAT, "must be 'blurring' or 'inverse_dissipation' for dissipation"),
    ("model1", "sampler: {kind: categorical, steps: 5}", "must be 'ancestral' or 'ddim' for gauss"),
    ("model3", "sampler: {kind: ancestral}", "must be 'cold' for impulse degrad"),
    ("model6", "sampler: {kind: ancestral}", "must be 'categorical' for impulse degradation that"),
    ("model2", "sampler: {kind: ddim, steps: 1201}", "must not exceed degradation.T"),
]


@pytest.mark.parametrize(("name", "update", "sentence"), COMBINATIONS)
def test_values_that_do_not_fit_each_other_are_refused_in_one_sentence(
    name: str, update: str, sentence: str
) -> None:
    values = VALID
    for key, value in parse(update).items():
        values = changed(f"models.{name}.{key}", value, values)
    message = refusal(values)
    assert message.startswith(f"params.yaml: models.{name}.")
    assert sentence in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (("ancestral", {"steps": (9, 1100)}), " has 1100 steps, must not exceed T of model1, 1000"),
        (("ddim", {"steps": 5, "eta": (0, 2.0)}), ".own.eta is 2.0: input should be less than"),
        (("ddim", {"steps": (5, 0)}), f".own.steps is 0: {ONE_MORE}"),
        (("ddim", {"steps": 5, "kind": "ode"}), ".own.kind is 'ode': input should be 'ddim'"),
        (("ddim", {"stepz": 5}), ".own.stepz is 5: not a known key (did you mean 'steps'?)"),
        (("ddim", {"steps": ()}), ".own.steps is (), must have a value"),
        (
            ("ddim", {"steps": 5, "autoguidance": {"checkpoint": 1, "weight": ()}}),
            ".own.autoguidance.weight is (), must have a value",
        ),
        (("categorical", {"steps": 5, "churn": 9.0}), ".own.churn is 9.0, must not exceed"),
        (("cold", {"steps": 5}), " is {'own': {'steps': 5}}, must be {}: this sampler takes all"),
        (("dim", {"steps": 5}), " is {'own': {'steps': 5}}: not a kind of sampler (did you mean"),
    ],
)
def test_step_study_must_fit_the_samplers(grid: tuple[str, Any], message: str) -> None:
    kind, settings = grid
    values = copy.deepcopy(VALID)
    values["step_study"][kind] = {"own": settings}
    assert refusal(values).startswith(f"params.yaml: step_study.{kind}{message}")


def test_step_study_must_have_the_sampler_of_every_model() -> None:
    values = copy.deepcopy(VALID)
    del values["step_study"]["cold"]
    assert "step_study.cold is missing, must be there for model3: {} studies" in refusal(values)


def test_grids_have_all_combinations_of_values_in_their_order() -> None:
    grid = {"steps": (1, 2), "auto": {"by": 5, "weight": (2, 3)}, "eta": 0}
    pairs = [(1, 2), (1, 3), (2, 2), (2, 3)]
    expected = [{"steps": s, "auto": {"by": 5, "weight": w}, "eta": 0} for s, w in pairs]
    assert list(combinations(grid, "grid")) == expected


def test_every_fault_gets_a_line() -> None:
    values = changed("training.epochs", 0)
    values["figures"]["dpi"] = 1
    assert len(refusal(values).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *((name, NAME) for name in ("../model", "", "1st", "é", "a\n", "x" * 65)),
        ("real", "must not be classifier or real: the metrics have these keys"),
        ("Model1", "must differ from model1 in more than case: some file systems ignore it"),
    ],
)
def test_name_of_a_model_must_be_a_valid_file_name(name: str, allowed: str) -> None:
    values = copy.deepcopy(VALID)
    values["models"][name] = values["models"]["model1"]
    message = refusal(values)
    assert message.startswith(f"params.yaml: models.{name} is not a valid name of a model")
    assert allowed in message


@pytest.mark.parametrize(
    ("key", "value"), [("training.checkpoints", (1, 10)), ("models.model5.training.epochs", 5)]
)
def test_autoguidance_needs_an_earlier_checkpoint(key: str, value: Any) -> None:
    message = "params.yaml: models.model5.sampler.autoguidance.checkpoint is 5, must be one of"
    assert refusal(changed(key, value)).startswith(message)


def test_autoguidance_of_the_step_study_needs_a_kept_checkpoint() -> None:
    grid = {"steps": 15, "autoguidance": {"checkpoint": 7, "weight": 2.0}}
    message = "step_study.ddim has the autoguidance.checkpoint 7, must be one of training.checkp"
    assert message in refusal(changed("step_study.ddim", {"own": grid}))


def keys_of(values: dict[str, Any], prefix: str = "") -> list[str]:
    """The dotted key of every value in params.yaml."""
    keys = []
    for key, value in values.items():
        keys += keys_of(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return keys


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.tuples(st.floats(), st.floats()),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


@given(st.sampled_from(keys_of(VALID)), ANYTHING)
@settings(max_examples=100)
def test_any_value_is_taken_as_it_is_or_refused_in_one_sentence(key: str, value: Any) -> None:
    values = copy.deepcopy(VALID)
    set_key(values, key, value)
    try:
        params: Any = validate(values, Params)
    except UserError as error:
        assert str(error).startswith("params.yaml: ")
        assert key.split(".")[-1] in str(error)
        return
    for part in key.split("."):
        params = params[part] if isinstance(params, dict) else getattr(params, part)
    assert params == value
    assert type(params) is type(value) or {type(params), type(value)} == {int, float}

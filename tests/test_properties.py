"""What must hold for every schedule, degradation, pixel and parameter, not for chosen ones."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion import mnist as data
from diffusion.models import degradations
from diffusion.models.degradations import Gaussian, Impulse
from diffusion.models.schedules import beta_of, cosine_density, linear_alpha_bar
from diffusion.params import Params
from diffusion.runtime.errors import UserError
from diffusion.runtime.params import load, validate
from tools.copy_project import set_key

# The same examples on every run, and no clock: a slow machine is no failure.
settings.register_profile(
    "project", derandomize=True, deadline=None, database=None, max_examples=50
)
settings.load_profile("project")

VALID = load(ROOT / "params.yaml")
LEVELS = st.lists(st.integers(0, 255), min_size=16, max_size=16)
UNIT = st.floats(0, 1, exclude_max=True, width=32)
STEPS = st.integers(2, 2000)


def rising(most: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.floats(1e-6, most), st.floats(1e-6, most)).map(lambda p: tuple(sorted(p)))


def as_image(levels: list[int]) -> torch.Tensor:
    return data.to_pixels(torch.tensor(levels, dtype=torch.uint8).view(1, 1, 4, 4))


@given(rising(0.999), STEPS)
def test_alpha_bar_falls_from_1_and_beta_rebuilds_it(beta: tuple[float, float], T: int) -> None:
    alpha_bar = linear_alpha_bar(*beta, T)
    assert alpha_bar.shape == (T + 1,)
    assert alpha_bar[0] == 1
    assert (alpha_bar.diff() <= 0).all()
    assert (alpha_bar >= 0).all()
    whole = alpha_bar > 1e-300  # below, quotients of alpha_bar have no digits left
    rebuilt = torch.cumprod(1 - beta_of(alpha_bar), 0)
    torch.testing.assert_close(rebuilt[whole], alpha_bar[whole], rtol=1e-9, atol=0)


@given(rising(0.5), STEPS)
def test_the_density_rises_between_its_ends(rho: tuple[float, float], T: int) -> None:
    density = cosine_density(*rho, T)
    assert density.shape == (T + 1,)
    torch.testing.assert_close(density[[0, -1]], torch.tensor(rho, dtype=torch.float64))
    assert (density.diff() >= -1e-15).all()
    assert density.max() <= 0.5 + 1e-15


@given(LEVELS)
def test_levels_come_back_from_pixels(levels: list[int]) -> None:
    pixels = as_image(levels)
    assert pixels.min() >= data.LOW
    assert pixels.max() <= data.HIGH
    assert data.to_levels(pixels).flatten().tolist() == levels


@given(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32))
def test_scaling_keeps_the_order_of_pixels(a: float, b: float) -> None:
    low, high = data.to_levels(torch.tensor(sorted((a, b)))).tolist()
    assert low <= high


@given(LEVELS, st.lists(UNIT, min_size=16, max_size=16), rising(0.5), st.integers(2, 300), UNIT)
def test_an_impulse_replaces_or_keeps_and_masks_nest(
    levels: list[int], field: list[float], rho: tuple[float, float], T: int, position: float
) -> None:
    process, x_0 = Impulse(cosine_density(*rho, T)), as_image(levels)
    u, t = torch.tensor(field).view(1, 1, 4, 4), int(position * T)
    before, after = process.degrade(x_0, u, t), process.degrade(x_0, u, t + 1)
    for x in (before, after):
        assert ((x == x_0) | (x == process.low) | (x == process.high)).all()
    assert (after[before != x_0] == before[before != x_0]).all()
    assert torch.equal(process.degrade(x_0, u, 0), x_0)


@given(LEVELS, rising(0.999), st.integers(2, 300), UNIT, st.integers(0, 2**32))
def test_gaussian_noise_can_be_taken_out_again(
    levels: list[int], beta: tuple[float, float], T: int, position: float, seed: int
) -> None:
    process = Gaussian(linear_alpha_bar(*beta, T))
    x_0, t = as_image(levels).double(), 1 + int(position * T)
    eps = process.field(x_0, torch.Generator().manual_seed(seed))
    signal = process.alpha_bar[t]
    x_t = process.degrade(x_0, eps, t)
    torch.testing.assert_close(x_t - (1 - signal).sqrt() * eps, signal.sqrt() * x_0)
    assert torch.equal(process.degrade(x_0, eps, 0), x_0)


@given(rising(0.999), rising(0.5), STEPS)
def test_valid_degradations_are_built(
    beta: tuple[float, float], rho: tuple[float, float], T: int
) -> None:
    values = copy.deepcopy(VALID)
    values["step_study"]["steps"] = (1,)  # no more than any T
    for name, block in (
        ("model1", {"kind": "gaussian", "beta": beta, "T": T}),
        ("model3", {"kind": "impulse", "rho": rho, "T": T}),
    ):
        set_key(values, f"models.{name}.degradation", block)
        model = validate(values, Params).models[name]
        assert degradations.build(model.degradation.model_dump()).T == T


def keys_of(values: dict[str, Any], prefix: str = "") -> list[str]:
    """The dotted key of everything in params.yaml but its sections."""
    found = []
    for key, value in values.items():
        found += keys_of(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return found


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


@given(st.text(max_size=70))
def test_a_model_name_is_one_file_name_or_refused(name: str) -> None:
    values = copy.deepcopy(VALID)
    values["models"] = {name: values["models"]["model1"]}
    values["sampling"]["samplers"] = {}
    try:
        validate(values, Params)
    except UserError as error:
        assert "is no name of a model" in str(error)
    else:
        assert Path(name).name == name
        assert name.isascii()

"""Properties of every schedule and degradation, not of selected ones."""

from __future__ import annotations

import copy

import torch
from conftest import ROOT
from hotcold.models.degradations import Gaussian, Impulse
from hotcold.models.schedules import beta_from, cosine_density, linear_alpha_bar
from hypothesis import given
from hypothesis import strategies as st

from hotcold.models import degradations
from hotcold.numerics.pixels import to_pixels
from hotcold.params import Params
from hotcold.runtime.params import load, validate
from tools.copy_project import set_key

VALID = load(ROOT / "params.yaml")
LEVELS = st.lists(st.integers(0, 255), min_size=16, max_size=16)
UNIT = st.floats(0, 1, exclude_max=True, width=32)
STEPS = st.integers(2, 2000)


def rising(maximum: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.floats(1e-6, maximum), st.floats(0.001, maximum)).map(
        lambda pair: tuple(sorted(pair))
    )


def as_image(levels: list[int]) -> torch.Tensor:
    return to_pixels(torch.tensor(levels, dtype=torch.uint8).view(1, 1, 4, 4))


@given(rising(0.999), STEPS)
def test_alpha_bar_falls_from_1_and_is_the_product_of_1_minus_beta(
    beta: tuple[float, float], T: int
) -> None:
    alpha_bar = linear_alpha_bar(*beta, T)
    assert alpha_bar.shape == (T + 1,)
    assert alpha_bar[0] == 1
    assert (alpha_bar.diff() <= 0).all()
    assert (alpha_bar >= 0).all()
    precise = alpha_bar > 1e-300  # below, quotients of alpha_bar have no digits left
    product = torch.cumprod(1 - beta_from(alpha_bar), 0)
    torch.testing.assert_close(product[precise], alpha_bar[precise], rtol=1e-9, atol=0)


@given(rising(0.5), STEPS)
def test_density_rises_from_rho_start_to_rho_end(rho: tuple[float, float], T: int) -> None:
    density = cosine_density(*rho, T)
    assert density.shape == (T + 1,)
    torch.testing.assert_close(density[[0, -1]], torch.tensor(rho, dtype=torch.float64))
    assert (density.diff() >= -1e-15).all()
    assert density.max() <= 0.5 + 1e-15


@given(LEVELS, st.lists(UNIT, min_size=16, max_size=16), rising(0.5), st.integers(2, 300), UNIT)
def test_impulse_noise_replaces_or_keeps_each_pixel_and_masks_nest(
    levels: list[int], noise: list[float], rho: tuple[float, float], T: int, position: float
) -> None:
    process, x_0 = Impulse(cosine_density(*rho, T)), as_image(levels)
    u, t = torch.tensor(noise).view(1, 1, 4, 4), int(position * T)
    before, after = process.degrade(x_0, u, t), process.degrade(x_0, u, t + 1)
    for x in (before, after):
        assert ((x == x_0) | (x == process.low) | (x == process.high)).all()
    assert (after[before != x_0] == before[before != x_0]).all()
    assert torch.equal(process.degrade(x_0, u, 0), x_0)


@given(LEVELS, rising(0.999), st.integers(2, 300), UNIT, st.integers(0, 2**32))
def test_subtracting_the_gaussian_noise_leaves_the_scaled_image(
    levels: list[int], beta: tuple[float, float], T: int, position: float, seed: int
) -> None:
    process = Gaussian(linear_alpha_bar(*beta, T))
    x_0, t = as_image(levels).double(), 1 + int(position * T)
    eps = process.draw_noise(x_0, torch.Generator().manual_seed(seed))
    alpha_bar = process.alpha_bar[t]
    x_t = process.degrade(x_0, eps, t)
    torch.testing.assert_close(x_t - (1 - alpha_bar).sqrt() * eps, alpha_bar.sqrt() * x_0)
    assert torch.equal(process.degrade(x_0, eps, 0), x_0)


@given(rising(0.04), rising(0.5), STEPS)  # with 2000 steps, alpha_bar stays a float32
def test_valid_degradations_are_built(
    beta: tuple[float, float], rho: tuple[float, float], T: int
) -> None:
    values = copy.deepcopy(VALID)
    values["step_study"]["steps"] = (1,)  # not more than any T
    for name, block in (
        ("model1", {"kind": "gaussian", "beta": beta, "T": T}),
        ("model3", {"kind": "impulse", "rho": rho, "T": T}),
    ):
        set_key(values, f"models.{name}.degradation", block)
        model = validate(values, Params).models[name]
        assert degradations.build(model.degradation.model_dump()).T == T

"""Impulse noise, equations 16 and 17, also on grey levels and with a known mask."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hotcold.models.model import DiffusionModel
from hotcold.numerics.pixels import HIGH, LOW, to_pixels
from hotcold.processes.impulse.process import GreyImpulse, Impulse, MaskedImpulse, cosine_density

PUBLISHED = Impulse(cosine_density(0.05, 0.25, 150))  # model3
GREY = GreyImpulse(cosine_density(0.0, 0.5, 150), levels=16)
LEVELS = st.lists(st.integers(0, 255), min_size=16, max_size=16)
UNIT = st.floats(0, 1, exclude_max=True, width=32)
DENSITIES = st.tuples(st.floats(1e-6, 0.5), st.floats(0.001, 0.5)).map(sorted)


@pytest.mark.parametrize(("first", "last"), [(0.0, 0.5), (0.05, 0.25)])
def test_density_rises_as_a_squared_sine(first: float, last: float) -> None:
    t = torch.arange(151, dtype=torch.float64)
    expected = first + (last - first) * (math.pi * t / 300).sin() ** 2
    torch.testing.assert_close(cosine_density(first, last, 150), expected)


@pytest.mark.parametrize("t", [1, 75, 150])
def test_impulse_noise_replaces_a_share_of_twice_the_density(t: int, rng: torch.Generator) -> None:
    x_0 = torch.zeros(300, 1, 28, 28)
    x_t = PUBLISHED.degrade(x_0, PUBLISHED.draw_noise(x_0, rng), t)
    density, n = PUBLISHED.density[t].item(), x_t.numel()
    error = 5 * math.sqrt(density * (1 - density) / n)
    assert (x_t == 0.5).double().mean().item() == pytest.approx(density, abs=error)
    assert (x_t == -0.5).double().mean().item() == pytest.approx(density, abs=error)
    assert set(x_t.unique().tolist()) == {-0.5, 0.0, 0.5}


@given(LEVELS, st.lists(UNIT, min_size=16, max_size=16), DENSITIES, st.integers(2, 300), UNIT)
def test_impulse_noise_replaces_or_keeps_each_pixel_and_masks_nest(
    levels: list[int], noise: list[float], rho: list[float], T: int, position: float
) -> None:
    process = Impulse(cosine_density(*rho, T))
    x_0 = to_pixels(torch.tensor(levels, dtype=torch.uint8).view(1, 1, 4, 4))
    u, t = torch.tensor(noise).view(1, 1, 4, 4), int(position * T)
    before, after = process.degrade(x_0, u, t), process.degrade(x_0, u, t + 1)
    for x in (before, after):
        assert ((x == x_0) | (x == LOW) | (x == HIGH)).all()
    assert (after[before != x_0] == before[before != x_0]).all()
    assert torch.equal(process.degrade(x_0, u, 0), x_0)


QUARTILES = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])


def test_inferred_noise_has_the_posterior_of_pixels_of_the_image(rng: torch.Generator) -> None:
    """With x_0 known: of the black pixels of x_T, those of a grey pixel are pepper for sure, those
    of a black one with probability rho / (1 - rho)."""
    x_0 = torch.tensor([-0.5, 0.0, 0.5]).repeat_interleave(60_000).view(1, 1, 300, 600)
    u, other = (torch.rand(x_0.shape, generator=rng) for _ in range(2))
    x_T, density = PUBLISHED.degrade(x_0, u, PUBLISHED.T), 0.25
    found = PUBLISHED.noise_behind(x_T, x_0 * 0.95, other)
    assert torch.equal(PUBLISHED.degrade(x_0, found, PUBLISHED.T), x_T)
    assert ((found >= 0) & (found < 1)).all()
    for colour in (-0.5, 0.0, 0.5):
        for image in (-0.5, 0.0, 0.5):
            if (here := (x_T == colour) & (x_0 == image)).any():
                true, drawn = (torch.quantile(noise[here], QUARTILES) for noise in (u, found))
                torch.testing.assert_close(true, drawn, rtol=0, atol=0.02)
                noisy = (found[here] <= density) | (found[here] > 1 - density)
                expected = density / (1 - density) if colour == image else 1.0
                expected = 0.0 if colour == image == 0 else expected
                assert noisy.double().mean().item() == pytest.approx(expected, abs=0.01)


def test_grey_levels_are_recovered_and_the_ends_are_pepper_and_salt() -> None:
    levels = torch.arange(16)
    assert torch.equal(GREY.quantise(GREY.dequantise(levels)), levels)
    assert GREY.dequantise(levels)[[0, 15]].tolist() == [LOW, HIGH]


@pytest.mark.parametrize("t", [1, 75, 150])
def test_known_mask_is_where_the_same_noise_replaces_pixels(t: int, rng: torch.Generator) -> None:
    known = MaskedImpulse(GREY.density, levels=16)
    levels = torch.randint(1, 15, (50, 1, 28, 28), generator=rng)  # no salt, no pepper
    x_0 = GREY.dequantise(levels)
    u = GREY.draw_noise(x_0, rng)
    blind, masked = GREY.degrade(x_0, u, t), known.degrade(x_0, u, t)
    replaced = blind != x_0
    assert torch.equal(known.may_be_noise(masked), replaced)
    assert torch.equal(masked[~replaced], x_0[~replaced])
    assert set(masked[replaced].tolist()) == {MaskedImpulse.MASK}
    seen = known.network_input(masked)
    assert torch.equal(seen[:, :1], masked)
    assert torch.equal(seen[:, 1:].bool(), replaced)


def test_loss_of_grey_levels_is_their_cross_entropy(rng: torch.Generator) -> None:
    x_0, t = torch.rand(4, 1, 28, 28, generator=rng) - 0.5, torch.full((4,), 75)
    u = GREY.draw_noise(x_0, rng)
    uniform = DiffusionModel(lambda x_t, t: torch.zeros(len(x_t), 16, 28, 28), GREY, "categorical")
    assert uniform.loss(x_0, t, u).item() == pytest.approx(math.log(16))
    certain = 50 * nn.functional.one_hot(GREY.quantise(x_0)[:, 0], 16).movedim(-1, 1).float()
    perfect = DiffusionModel(lambda x_t, t: certain, GREY, "categorical")
    assert perfect.loss(x_0, t, u).item() == pytest.approx(0, abs=1e-6)


def test_categories_exclude_a_prediction_of_the_image() -> None:
    with pytest.raises(ValueError, match=r"'x_0', must be 'categorical' for GreyImpulse"):
        DiffusionModel(nn.Identity(), GREY, "x_0")

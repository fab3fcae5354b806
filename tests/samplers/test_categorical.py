"""The sampler of categorical models, against the distribution of all paths of one pixel."""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import paths_of
from torch import Tensor, nn

from hotcold import Categorical
from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.impulse.process import GreyImpulse, MaskedImpulse, cosine_density
from hotcold.samplers.categorical.sampler import draw_category, run
from hotcold.sampling.predictors import Predict

PRIOR = [0.5, 0.3, 0.2]  # of the three grey levels of TINY
TINY = GreyImpulse(cosine_density(0.0, 0.5, 4), levels=3)


def draw(
    sampler: Categorical, predict: Predict, process: GreyImpulse, x_T: Tensor, noise: Any
) -> dict[int, Tensor]:
    """Each x_t of the sampler. noise: a generator, or has `uniform`."""
    if isinstance(noise, torch.Generator):
        noise = ChunkedNoise([len(x_T)], [noise])
    states: dict[int, Tensor] = {}
    keep = lambda key, t, x_t: states.__setitem__(t, x_t)  # noqa: E731
    sets = run(sampler, predict, process, Start(x_T, x_T), noise, keep)
    assert torch.equal(sets["categorical"], states[0])
    return states


def pure_noise(process: GreyImpulse, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    x_0 = torch.zeros(shape)
    return process.degrade(x_0, process.draw_noise(x_0, rng), process.T)


def one_hot(levels: Tensor, count: int) -> Tensor:
    """The certain prediction of levels, (N, H, W) -> (N, count, H, W)."""
    return nn.functional.one_hot(levels, count).movedim(-1, 1).float()


def assert_shares(levels: Tensor, expected: list[float]) -> None:
    """The frequencies of levels, within five standard errors."""
    counts = levels.flatten().bincount(minlength=len(expected))
    for share, p in zip((counts / counts.sum()).tolist(), expected, strict=True):
        assert share == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / int(counts.sum())))


def posterior(process: GreyImpulse, prior: list[float], t: int) -> Tensor:
    """p(x_0 | x_t), (levels of x_t, levels of x_0), by Bayes' rule over all paths."""
    joint = torch.zeros(process.levels, process.levels, dtype=torch.float64)
    for x_0, share in enumerate(prior):
        for path, p in paths_of(process, x_0).items():
            joint[path[t], x_0] += share * p
    return joint / joint.sum(1, keepdim=True).clamp(min=1e-300)


@pytest.mark.parametrize(("t", "s"), [(t, s) for t in range(1, 5) for s in range(t)])
def test_step_draws_from_the_posterior_of_all_paths(t: int, s: int) -> None:
    """p(x_s | x_t) of the sampler, from the known p(x_0 | x_t), is that of all paths, for every
    state of one pixel and every pair of steps."""
    process = TINY
    expected = torch.zeros(3, 3, dtype=torch.float64)  # x_t, x_s
    for x_0, share in enumerate(PRIOR):
        for path, p in paths_of(process, x_0).items():
            expected[path[t], path[s]] += share * p
    known, side = posterior(process, PRIOR, t), 300
    n = side**2
    part = GreyImpulse(process.density[[0, *([s] if s else []), t]], levels=3)
    grid = (torch.arange(side) + 0.5) / side  # each part of [0, 1) equally often
    pairs = torch.cartesian_prod(grid, grid).T.view(2, n, 1, 1, 1)
    for x_t in expected.sum(1).nonzero().flatten().tolist():
        remaining = itertools.cycle(pairs)
        states = draw(
            Categorical(steps=part.T),
            lambda x, _, x_t=x_t: known[x_t].view(1, 3, 1, 1).expand(len(x), 3, 1, 1),
            part,
            process.dequantise(torch.full((n, 1, 1, 1), x_t)),
            SimpleNamespace(uniform=lambda x, remaining=remaining: next(remaining)),
        )
        drawn = process.quantise(states[part.T - 1]).flatten().bincount(minlength=3) / n
        torch.testing.assert_close(
            drawn.double(), expected[x_t] / expected[x_t].sum(), rtol=0, atol=2.5 / side
        )


def test_draws_with_a_known_mask_have_the_distribution_of_the_data(rng: torch.Generator) -> None:
    """Also if known pixels are masked again, by equation 6 of Wang et al. 2025. The prediction is
    right: of a masked pixel the prior, of any other the pixel itself."""
    process, n = MaskedImpulse(cosine_density(0.0, 0.5, 4), levels=4), 200_000
    prior = [0.4, 0.3, 0.2, 0.1]

    def predict(x_t: Tensor, t: int) -> Tensor:
        known = one_hot(process.quantise(x_t)[:, 0], 4).double()
        unknown = torch.tensor(prior, dtype=torch.float64).view(1, 4, 1, 1).expand_as(known)
        return torch.where(process.may_be_noise(x_t), unknown, known)

    x_T = torch.full((n, 1, 1, 1), MaskedImpulse.MASK)
    states = draw(Categorical(steps=4, churn=1.0), predict, process, x_T, rng)
    for t, x_t in states.items():
        share = process.may_be_noise(x_t).double().mean().item()
        assert share == pytest.approx(2 * float(process.density[t]) if t else 0, abs=0.006)
    known = ~process.may_be_noise(states[3])
    again = process.may_be_noise(states[2])[known].double().mean().item()
    assert again == pytest.approx(0.25 * 2 * float(process.density[2]), abs=0.01)
    assert_shares(process.quantise(states[0]), prior)


@pytest.mark.parametrize(("steps", "eta"), [(1, 0.3), (2, 1.0), (4, 0.0), (4, 0.3)])
def test_draws_from_pure_noise_have_the_distribution_of_the_data(
    steps: int, eta: float, rng: torch.Generator
) -> None:
    process = TINY
    known = {t: posterior(process, PRIOR, t) for t in range(1, 5)}

    def predict(x_t: Tensor, t: int) -> Tensor:
        return known[t][process.quantise(x_t)[:, 0]].movedim(-1, 1)

    x_T = pure_noise(process, (200_000, 1, 1, 1), rng)
    x_0 = draw(Categorical(steps=steps, eta=eta), predict, process, x_T, rng)[0]
    assert_shares(process.quantise(x_0), PRIOR)


@pytest.mark.parametrize("sampler", [{"eta": 0.0}, {"eta": 0.5}, {"churn": 4.0}])
def test_density_above_0_leaves_no_noise(sampler: dict[str, float], rng: torch.Generator) -> None:
    process = GreyImpulse(cosine_density(0.2, 0.5, 4), levels=3)
    grey = one_hot(torch.ones(50, 28, 28, dtype=torch.long), 3)
    x_T = pure_noise(process, (50, 1, 28, 28), rng)
    x_0 = draw(Categorical(steps=4, **sampler), lambda x, t: grey, process, x_T, rng)[0]
    assert (x_0 == 0).all()


def test_grey_pixel_stays_and_others_follow_the_temperature(rng: torch.Generator) -> None:
    predicted = torch.tensor(PRIOR).view(1, 3, 1, 1).expand(200_000, 3, 1, 1)
    sampler, grey = Categorical(steps=1, temperature=0.5), torch.zeros(200_000, 1, 1, 1)
    assert (draw(sampler, lambda x, t: predicted, TINY, grey, rng)[0] == 0).all()
    drawn = draw(sampler, lambda x, t: predicted, TINY, grey + 0.5, rng)[0]
    assert_shares(TINY.quantise(drawn), [p**2 / 0.38 for p in PRIOR])


@pytest.mark.parametrize(("first", "u"), [(0.25, 1 - 1e-9), (0.0, 0.0)])
def test_ends_of_u_draw_the_last_category(first: float, u: float) -> None:
    """Although the sum is rounded down, and although the first has probability 0."""
    probabilities = torch.tensor([first, 1 - first - 1e-6]).view(1, 2, 1, 1)
    end = torch.full((1, 1, 1, 1), u, dtype=torch.float64)
    assert draw_category(probabilities, end).item() == 1


def test_rate_is_eta_or_churn_by_step() -> None:
    assert Categorical(steps=50, churn=2).rate == 0.04
    assert Categorical(steps=50, eta=0.3).rate == 0.3

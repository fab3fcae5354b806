"""The sampler of categorical models, against the distribution of all paths of one pixel."""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pydantic
import pytest
import torch
from torch import Tensor, nn

from hotcold import Categorical
from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.impulse.process import GreyImpulse, MaskedImpulse, cosine_density
from hotcold.samplers.categorical.sampler import draw_category, run
from hotcold.sampling.bases import subset_of_steps
from hotcold.sampling.predictors import Predict

GREY = GreyImpulse(cosine_density(0.0, 0.5, 150), levels=16)
PRIOR = [0.5, 0.3, 0.2]  # of the three grey levels of `tiny`


def tiny(levels: int = 3, T: int = 4) -> GreyImpulse:
    return GreyImpulse(cosine_density(0.0, 0.5, T), levels=levels)


def draw(
    sampler: Categorical,
    predict: Predict,
    process: GreyImpulse,
    x_T: Tensor,
    noise: Any,
    states: dict[int, Tensor] | None = None,
) -> Tensor:
    """x_0 of the sampler. noise: a generator, or has `uniform`; states: gets each x_t."""
    if isinstance(noise, torch.Generator):
        noise = ChunkedNoise([len(x_T)], [noise])
    states = {} if states is None else states
    keep = lambda key, t, x_t: states.__setitem__(t, x_t)  # noqa: E731
    return run(sampler, predict, process, Start(x_T, x_T), noise, keep)["categorical"]


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


def path_probabilities(process: GreyImpulse, x_0: int) -> dict[tuple[int, ...], float]:
    """Every path of the levels x_0, x_1, ..., x_T of one pixel, and its probability.

    The chain of (level, replaced or not): a pixel that is not replaced becomes pepper or salt with
    probability (rho_t - rho_{t-1}) / (1 - 2 rho_{t-1}) each, and a replaced pixel stays.
    """
    rho = [0.0, *process.density.tolist()[1:]]
    chain = {((x_0,), False): 1.0}
    for t in range(1, process.T + 1):
        turns = (rho[t] - rho[t - 1]) / (1 - 2 * rho[t - 1])
        after: dict[Any, float] = {}
        for (path, replaced), p in chain.items():
            transitions = [(path[-1], True, 1.0)] if replaced else [
                (path[-1], False, 1 - 2 * turns),
                (0, True, turns),
                (process.levels - 1, True, turns),
            ]  # fmt: skip
            for level, now, q in transitions:
                key = ((*path, level), now)
                after[key] = after.get(key, 0.0) + p * q
        chain = after
    probabilities: dict[tuple[int, ...], float] = {}
    for (path, _), p in chain.items():
        probabilities[path] = probabilities.get(path, 0.0) + p
    return probabilities


def posterior(process: GreyImpulse, prior: list[float], t: int) -> Tensor:
    """p(x_0 | x_t), (levels of x_t, levels of x_0), by Bayes' rule over all paths."""
    joint = torch.zeros(process.levels, process.levels, dtype=torch.float64)
    for x_0, share in enumerate(prior):
        for path, p in path_probabilities(process, x_0).items():
            joint[path[t], x_0] += share * p
    return joint / joint.sum(1, keepdim=True).clamp(min=1e-300)


@pytest.mark.parametrize(("t", "s"), [(t, s) for t in range(1, 5) for s in range(t)])
def test_step_draws_from_the_posterior_of_all_paths(t: int, s: int) -> None:
    """p(x_s | x_t) of the sampler, from the known p(x_0 | x_t), is that of all paths, for every
    state of one pixel and every pair of steps."""
    process = tiny()
    expected = torch.zeros(3, 3, dtype=torch.float64)  # x_t, x_s
    for x_0, share in enumerate(PRIOR):
        for path, p in path_probabilities(process, x_0).items():
            expected[path[t], path[s]] += share * p
    known, side = posterior(process, PRIOR, t), 300
    n = side**2
    part = GreyImpulse(process.density[[0, *([s] if s else []), t]], levels=3)
    grid = (torch.arange(side) + 0.5) / side  # each part of [0, 1) equally often
    pairs = torch.cartesian_prod(grid, grid).T.view(2, n, 1, 1, 1)
    for x_t in expected.sum(1).nonzero().flatten().tolist():
        states: dict[int, Tensor] = {}
        remaining = itertools.cycle(pairs)
        draw(
            Categorical(steps=part.T),
            lambda x, _, x_t=x_t: known[x_t].view(1, 3, 1, 1).expand(len(x), 3, 1, 1),
            part,
            process.dequantise(torch.full((n, 1, 1, 1), x_t)),
            SimpleNamespace(uniform=lambda x, remaining=remaining: next(remaining)),
            states,
        )
        drawn = process.quantise(states[part.T - 1]).flatten().bincount(minlength=3) / n
        torch.testing.assert_close(
            drawn.double(), expected[x_t] / expected[x_t].sum(), rtol=0, atol=2.5 / side
        )


def test_draws_with_a_known_mask_have_the_distribution_of_the_data(rng: torch.Generator) -> None:
    """Also if known pixels are masked again. The prediction is right: of a masked pixel the prior,
    of any other the pixel itself."""
    process, n = MaskedImpulse(cosine_density(0.0, 0.5, 4), levels=4), 200_000
    prior = [0.4, 0.3, 0.2, 0.1]

    def predict(x_t: Tensor, t: int) -> Tensor:
        known = one_hot(process.quantise(x_t)[:, 0], 4).double()
        unknown = torch.tensor(prior, dtype=torch.float64).view(1, 4, 1, 1).expand_as(known)
        return torch.where(process.may_be_noise(x_t), unknown, known)

    x_T = torch.full((n, 1, 1, 1), MaskedImpulse.MASK)
    states: dict[int, Tensor] = {}
    x_0 = draw(Categorical(steps=4, churn=2.0), predict, process, x_T, rng, states)
    for t, x_t in states.items():
        share = process.may_be_noise(x_t).double().mean().item()
        assert share == pytest.approx(2 * float(process.density[t]) if t else 0, abs=0.006)
    again = process.may_be_noise(states[2]) & ~process.may_be_noise(states[3])
    assert again.any()  # with churn, a known pixel is masked again
    assert_shares(process.quantise(x_0), prior)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_draws_from_pure_noise_have_the_distribution_of_the_data(
    steps: int, eta: float, rng: torch.Generator
) -> None:
    process = tiny()
    known = {t: posterior(process, PRIOR, t) for t in range(1, 5)}

    def predict(x_t: Tensor, t: int) -> Tensor:
        return known[t][process.quantise(x_t)[:, 0]].movedim(-1, 1)

    x_T = pure_noise(process, (200_000, 1, 1, 1), rng)
    x_0 = draw(Categorical(steps=steps, eta=eta), predict, process, x_T, rng)
    assert_shares(process.quantise(x_0), PRIOR)


@pytest.mark.parametrize("sampler", [{"eta": 0.0}, {"eta": 0.5}, {"churn": 4.0}])
def test_density_that_starts_above_0_leaves_no_noise(
    sampler: dict[str, float], rng: torch.Generator
) -> None:
    process = GreyImpulse(cosine_density(0.2, 0.5, 4), levels=3)
    grey = one_hot(torch.ones(50, 28, 28, dtype=torch.long), 3)
    x_T = pure_noise(process, (50, 1, 28, 28), rng)
    x_0 = draw(Categorical(steps=4, **sampler), lambda x, t: grey, process, x_T, rng)
    assert (x_0 == 0).all()


def test_wrong_grey_pixel_stays_unless_pixels_are_degraded_again(rng: torch.Generator) -> None:
    """The prediction is right except in one early step, where it is grey everywhere."""
    black = one_hot(torch.zeros(4, 28, 28, dtype=torch.long), 16)
    grey = black.roll(8, 1)
    wrong = []
    for eta in (0.0, 1.0):
        sampler, x_T = Categorical(steps=50, eta=eta), pure_noise(GREY, (4, 1, 28, 28), rng)
        drawn = draw(sampler, lambda x, t: grey if t == 135 else black, GREY, x_T, rng)
        wrong.append((drawn != -0.5).double().mean().item())
    assert wrong[0] > 0.01
    assert wrong[1] < wrong[0] / 10


def test_last_state_is_half_salt_and_half_pepper_for_every_x_0() -> None:
    """Exactly, by enumeration of q(x_T | x_0)."""
    process = tiny()
    for x_0 in range(3):
        last: dict[int, float] = {}
        for path, p in path_probabilities(process, x_0).items():
            last[path[-1]] = last.get(path[-1], 0.0) + p
        assert {level: p for level, p in last.items() if p > 1e-12} == pytest.approx(
            {0: 0.5, 2: 0.5}
        )


def test_largest_u_draws_the_last_category_although_the_sum_is_rounded_down() -> None:
    probabilities = torch.tensor([0.25, 0.75 - 1e-6]).view(1, 2, 1, 1)
    u = torch.tensor(1 - 1e-9, dtype=torch.float64).view(1, 1, 1, 1)
    assert draw_category(probabilities, u).item() == 1


def test_grey_pixels_stay_and_a_certain_prediction_is_drawn(rng: torch.Generator) -> None:
    x_0 = GREY.dequantise(torch.randint(16, (2, 1, 28, 28), generator=rng))
    certain = one_hot(GREY.quantise(x_0)[:, 0], 16)
    states: dict[int, Tensor] = {}
    x_T = pure_noise(GREY, x_0.shape, rng)
    drawn = draw(Categorical(steps=10), lambda x, t: certain, GREY, x_T, rng, states)
    torch.testing.assert_close(drawn, x_0)
    assert list(states) == subset_of_steps(150, 10)
    for before, after in itertools.pairwise(states.values()):
        grey = before.abs() < 0.49
        assert torch.equal(before[grey], after[grey])


STEPS = 50
PAIRS = list(itertools.product(range(2), repeat=2))  # both pixels black or white
JOINT = {(0, 0): 0.8, (1, 1): 0.18, (0, 1): 0.01, (1, 0): 0.01}  # mostly black and alike


class TwoPixels:
    """Two pixels of two levels that depend on each other, and the exact predictions for them."""

    process = GreyImpulse(cosine_density(0.0, 0.5, STEPS), levels=2)

    def known(self, t: int, state: tuple[int, int]) -> list[list[float]]:
        """p(x_0 | x_t) of each pixel, given both, by Bayes' rule."""
        rho = float(self.process.density[t])
        weight = {
            pair: p
            * math.prod(rho + (1 - 2 * rho) * (a == b) for a, b in zip(state, pair, strict=True))
            for pair, p in JOINT.items()
        }
        total = sum(weight.values())
        return [
            [sum(w for pair, w in weight.items() if pair[i] == x) / total for x in range(2)]
            for i in range(2)
        ]

    def predict(self, x_t: Tensor, t: int) -> Tensor:
        """The same for `draw`: (N, 1, 1, 2) -> (N, 2, 1, 2)."""
        table = torch.tensor([self.known(t, pair) for pair in PAIRS])  # (4, pixel, level)
        level = self.process.quantise(x_t)[:, 0, 0]
        return table[2 * level[:, 0] + level[:, 1]].transpose(1, 2)[:, :, None]

    def true(self, t: int) -> dict[tuple[int, int], float]:
        """The distribution of x_t."""
        rho = float(self.process.density[t]) if t else 0.0
        keeps = lambda a, b: rho + (1 - 2 * rho) * (a == b)  # noqa: E731
        return {
            end: sum(p * math.prod(map(keeps, start, end)) for start, p in JOINT.items())
            for end in PAIRS
        }

    def step(
        self, states: dict[tuple[int, int], float], t: int, rate: float
    ) -> dict[tuple[int, int], float]:
        """The distribution of x_{t-1} of the sampler, exactly: pixels change independently."""
        density = [0.0, *self.process.density.tolist()[1:]]
        after = dict.fromkeys(PAIRS, 0.0)
        for state, p in states.items():
            known, r, rho = self.known(t, state), density[t - 1] / density[t], density[t - 1]
            for pair in PAIRS:
                change = 1.0
                for i, (old, new) in enumerate(zip(state, pair, strict=True)):
                    kept = r * (new == old) + (1 - r) * known[i][new]
                    again = rho + (1 - 2 * rho) * known[i][new]
                    change *= (1 - rate) * kept + rate * again
                after[pair] += p * change
        return after

    def chain(self, rate: float) -> dict[tuple[int, int], float]:
        """The distribution of x_0 after all steps."""
        states = self.true(STEPS)
        for t in range(STEPS, 0, -1):
            states = self.step(states, t, rate)
        return states


def distance(a: dict[tuple[int, int], float], b: dict[tuple[int, int], float]) -> float:
    """The total variation."""
    return sum(abs(a[pair] - b[pair]) for pair in PAIRS) / 2


@pytest.mark.parametrize("t", [1, 20, STEPS])
@pytest.mark.parametrize("rate", [0.0, 0.04, 1.0])
def test_a_step_keeps_the_distribution_of_each_pixel(t: int, rate: float) -> None:
    exact = TwoPixels()
    after, right = exact.step(exact.true(t), t, rate), exact.true(t - 1)
    for pixel in range(2):
        shares = [sum(p for pair, p in d.items() if pair[pixel]) for d in (after, right)]
        assert shares[0] == pytest.approx(shares[1])


def test_degrading_again_changes_the_joint_distribution_unless_it_is_rare() -> None:
    exact = TwoPixels()
    rates = {"none": 0.0, "churn": Categorical(steps=STEPS, churn=2).rate, "all": 1.0}
    error = {name: distance(exact.chain(rate), JOINT) for name, rate in rates.items()}
    assert 0.001 < error["none"] < error["churn"] < 1.5 * error["none"]
    assert error["all"] > 8 * error["none"]


@pytest.mark.parametrize("sampler", [{"eta": 0.0}, {"eta": 1.0}, {"churn": 2.0}])
def test_sampler_has_the_distribution_of_the_exact_chain(
    sampler: dict[str, float], rng: torch.Generator
) -> None:
    exact, options = TwoPixels(), Categorical(steps=STEPS, **sampler)
    x_T = pure_noise(exact.process, (100_000, 1, 1, 2), rng)
    x_0 = draw(options, exact.predict, exact.process, x_T, rng)
    level = exact.process.quantise(x_0)[:, 0, 0]
    assert_shares(2 * level[:, 0] + level[:, 1], list(exact.chain(options.rate).values()))


def test_churn_and_eta_exclude_each_other_and_churn_has_a_limit() -> None:
    assert Categorical(steps=50, churn=2).rate == 0.04
    assert Categorical(steps=50, eta=0.3).rate == 0.3
    with pytest.raises(pydantic.ValidationError, match="must be absent with eta"):
        Categorical(steps=50, eta=0.3, churn=2)
    with pytest.raises(pydantic.ValidationError, match="must not exceed steps, 50"):
        Categorical(steps=50, churn=51)

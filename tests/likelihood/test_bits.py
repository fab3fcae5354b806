"""The likelihood of a categorical model against the enumeration of all paths of two pixels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from diffusion.likelihood.bits import (
    compressed,
    independent_pixels,
    posterior_divergence,
    variational_bound,
)
from diffusion.models.degradations import Gaussian, GreyImpulse
from diffusion.models.model import DiffusionModel
from diffusion.models.schedules import cosine_density, linear_alpha_bar
from diffusion.runtime.rng import Stream

LEVELS, T = 3, 4
PROCESS = GreyImpulse(cosine_density(0.0, 0.5, T), levels=LEVELS)
RHO = [0.0, *PROCESS.density.tolist()[1:]]
STATES = list(itertools.product(range(LEVELS), repeat=2))  # of both pixels


def network(x_t: Tensor, t: Tensor) -> Tensor:
    """Logits of any values, which depend on both pixels and on t: (N, 1, 1, 2) -> (N, 3, 1, 2)."""
    other = x_t.flip(3)
    step = t.view(-1, 1, 1, 1)
    return torch.cat([x_t + step, (3 * x_t * other - step).sin(), other - step**2], 1)


MODEL = DiffusionModel(network, PROCESS, "categorical")


def paths_of(x_0: int) -> dict[tuple[int, ...], float]:
    """The probability of every path x_0, ..., x_T of one pixel, from the time and sort of its
    impulse: from t on with probability rho_t - rho_{t-1} each for pepper and salt."""
    found: dict[tuple[int, ...], float] = {}
    for t, impulse in itertools.product(range(1, T + 1), (0, LEVELS - 1)):
        path = (*[x_0] * t, *[impulse] * (T + 1 - t))
        found[path] = found.get(path, 0.0) + RHO[t] - RHO[t - 1]
    return found


def probabilities(x_t: tuple[int, int], t: int) -> Tensor:
    """p(x_0 | x_t) of the model, (levels, 2)."""
    x = PROCESS.dequantise(torch.tensor(x_t).view(1, 1, 1, 2))
    return MODEL.predict(x, t)[0, :, 0].double()


def transition(before: tuple[int, ...], after: tuple[int, ...], t: int) -> float:
    """p(x_{t-1} = after | x_t = before) of the sampler."""
    p, r, product = probabilities((before[0], before[1]), t), RHO[t - 1] / RHO[t], 1.0
    for pixel, (old, new) in enumerate(zip(before, after, strict=True)):
        if old in (0, LEVELS - 1):
            product *= r * (new == old) + (1 - r) * float(p[new, pixel])
        else:
            product *= new == old
    return product


def exact(x_0: tuple[int, int]) -> tuple[float, float]:
    """The variational bound in nats, and -log p(x_0), by enumeration."""
    bound = 0.0
    for (a, p_a), (b, p_b) in itertools.product(*(paths_of(x).items() for x in x_0)):
        states = list(zip(a, b, strict=True))
        log_p = math.log(0.25)  # of x_T: half salt and half pepper, for each pixel
        log_p += sum(math.log(transition(states[t], states[t - 1], t)) for t in range(1, T + 1))
        bound += p_a * p_b * (math.log(p_a * p_b) - log_p)
    marginal = {s: 0.25 for s in itertools.product((0, LEVELS - 1), repeat=2)}
    for t in range(T, 0, -1):
        marginal = {
            new: sum(p * transition(old, new, t) for old, p in marginal.items()) for new in STATES
        }
    assert sum(marginal.values()) == pytest.approx(1)
    return bound, -math.log(marginal[x_0])


@pytest.mark.parametrize("x_0", STATES)
def test_terms_add_up_to_the_bound_of_all_paths(x_0: tuple[int, int]) -> None:
    """Without a prior term: it is 0."""
    bound, surprise = exact(x_0)
    total = 0.0
    for t in range(1, T + 1):
        shares: list[dict[int, float]] = [{}, {}]  # q(x_t | x_0) of each pixel
        for pixel, share in enumerate(shares):
            for path, p in paths_of(x_0[pixel]).items():
                share[path[t]] = share.get(path[t], 0.0) + p
        for (a, p_a), (b, p_b) in itertools.product(shares[0].items(), shares[1].items()):
            level, x_t = torch.tensor(x_0).view(1, 1, 2), torch.tensor([a, b]).view(1, 1, 2)
            p = probabilities((a, b), t).view(1, LEVELS, 1, 2)
            divergence = posterior_divergence(PROCESS, level, x_t, p, t)
            assert (divergence >= -1e-12).all()
            total += p_a * p_b * divergence.sum().item()
    assert total == pytest.approx(bound, rel=1e-6)
    assert total >= surprise - 1e-9


@pytest.mark.parametrize("evaluations", [2, T])
def test_bound_is_estimated_without_bias(evaluations: int) -> None:
    x_0 = (1, 2)
    images = PROCESS.dequantise(torch.tensor(x_0)).view(1, 1, 1, 2).expand(20_000, 1, 1, 2)
    found = variational_bound(MODEL, images, evaluations, Stream(0, "test"), torch.float32)
    expected = exact(x_0)[0] / 2 / math.log(2)  # bits a pixel
    assert found.bits == pytest.approx(expected, abs=5 * found.standard_error)
    assert found.standard_error < 0.05 * expected


def test_models_without_a_bound_are_refused() -> None:
    images, stream = torch.zeros(1, 1, 1, 2), Stream(0, "test")
    hot = DiffusionModel(network, Gaussian(linear_alpha_bar(0.1, 0.2, 3)), "eps")
    with pytest.raises(TypeError, match="Gaussian degradation has no grey levels"):
        variational_bound(hot, images, 1, stream, torch.float32)
    partial = DiffusionModel(network, GreyImpulse(cosine_density(0.0, 0.4, T)), "categorical")
    with pytest.raises(ValueError, match=r"the last density is 0\.4, must be 0\.5"):
        variational_bound(partial, images, 1, stream, torch.float32)
    with pytest.raises(ValueError, match="evaluations is 5, must not exceed T, 4"):
        variational_bound(MODEL, images, 5, stream, torch.float32)


def test_independent_pixels_have_the_entropy_of_their_frequencies(rng: torch.Generator) -> None:
    shares = torch.tensor([0.7, 0.2, 0.1])
    draw = lambda count: torch.multinomial(shares, count * 6, True, generator=rng)  # noqa: E731
    training, test = draw(20_000).view(-1, 1, 2, 3), draw(5_000).view(-1, 1, 2, 3)
    found = independent_pixels(test, training, 3)
    entropy = -(shares * shares.log2()).sum().item()
    assert found.bits == pytest.approx(entropy, abs=5 * found.standard_error)
    unseen = independent_pixels(torch.full((2, 1, 2, 3), 2), torch.zeros(7, 1, 2, 3).long(), 3)
    assert unseen.bits == pytest.approx(math.log2(10))


def test_compressor_needs_few_bits_for_what_repeats(rng: torch.Generator) -> None:
    noise = torch.randint(16, (50, 1, 28, 28), generator=rng)
    assert 4 <= compressed(noise) < 5  # 16 equally likely levels
    assert compressed(torch.zeros_like(noise)) < 0.1
    assert np.isfinite(compressed(noise[:1]))

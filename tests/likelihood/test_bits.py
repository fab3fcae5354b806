"""The likelihood of a categorical model against the enumeration of all paths of two pixels."""

import itertools
import math

import numpy as np
import pytest
import torch
from conftest import build_process, paths_of
from torch import Tensor

from hotcold.likelihood.bits import (
    compressed,
    independent_pixels,
    posterior_divergence,
    variational_bound,
)
from hotcold.models.model import DiffusionModel
from hotcold.numerics.rng import Stream
from hotcold.processes.impulse.process import GreyImpulse, MaskedImpulse, cosine_density

T = 4
DENSITY = cosine_density(0.1, 0.5, T)  # but 0 at t = 0
RHO = [0.0, *DENSITY.tolist()[1:]]
BLIND, KNOWN = GreyImpulse(DENSITY, levels=3), MaskedImpulse(DENSITY, levels=4)
CASES = [
    (process, x_0)
    for process in (BLIND, KNOWN)
    for x_0 in itertools.product(range(process.levels), repeat=2)  # of both pixels
]


class Chain:
    """Everything about two pixels, by enumeration. A state is a level, or `levels` for a mask."""

    def __init__(self, process: GreyImpulse) -> None:
        self.process, self.levels = process, process.levels
        masked = isinstance(process, MaskedImpulse)
        self.noise = (self.levels,) if masked else (0, self.levels - 1)
        self.model = DiffusionModel(self.network, process, "categorical")

    def network(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Logits of any values, which depend on both pixels and on t: (N, ., 1, 2) -> (N, levels,
        1, 2)."""
        x_t, step = x_t.sum(1, keepdim=True), t.view(-1, 1, 1, 1)
        other = x_t.flip(3)
        logits = [x_t + step, (3 * x_t * other - step).sin(), other - step**2, x_t * other]
        return torch.cat(logits[: self.levels], 1)

    def pixels(self, states: tuple[int, ...]) -> Tensor:
        """x_t, (1, 1, 1, 2)."""
        values = [*self.process.dequantise(torch.arange(self.levels)).tolist(), 0.0]
        return torch.tensor([values[state] for state in states]).view(1, 1, 1, 2)

    def probabilities(self, x_t: tuple[int, ...], t: int) -> Tensor:
        """p(x_0 | x_t) of the model, (levels, 2)."""
        return self.model.predict(self.pixels(x_t), t)[0, :, 0].double()

    def transition(self, before: tuple[int, ...], after: tuple[int, ...], t: int) -> float:
        """p(x_{t-1} = after | x_t = before) of the sampler."""
        p, r, product = self.probabilities(before, t), RHO[t - 1] / RHO[t], 1.0
        for pixel, (old, new) in enumerate(zip(before, after, strict=True)):
            if old in self.noise:
                drawn = float(p[new, pixel]) if new < self.levels else 0.0
                product *= r * (new == old) + (1 - r) * drawn
            else:
                product *= new == old
        return product

    def exact(self, x_0: tuple[int, ...]) -> tuple[float, float]:
        """The variational bound in nats, and -log p(x_0)."""
        bound, start = 0.0, len(self.noise) ** -2  # p(x_T) of both pixels
        for (a, p_a), (b, p_b) in itertools.product(
            *(paths_of(self.process, x).items() for x in x_0)
        ):
            states = list(zip(a, b, strict=True))
            log_p = math.log(start)
            log_p += sum(
                math.log(self.transition(states[t], states[t - 1], t)) for t in range(1, T + 1)
            )
            bound += p_a * p_b * (math.log(p_a * p_b) - log_p)
        every = list(itertools.product(range(self.levels + 1), repeat=2))
        marginal = dict.fromkeys(itertools.product(self.noise, repeat=2), start)
        for t in range(T, 0, -1):
            marginal = {
                new: sum(p * self.transition(old, new, t) for old, p in marginal.items())
                for new in every
            }
        assert sum(marginal.values()) == pytest.approx(1)
        return bound, -math.log(marginal[x_0])


@pytest.mark.parametrize(("process", "x_0"), CASES)
def test_terms_add_up_to_the_bound_of_all_paths(process: GreyImpulse, x_0: tuple[int, ...]) -> None:
    """Without a prior term: it is 0."""
    chain = Chain(process)
    bound, surprise = chain.exact(x_0)
    total = 0.0
    for t in range(1, T + 1):
        shares: list[dict[int, float]] = [{}, {}]  # q(x_t | x_0) of each pixel
        for pixel, share in enumerate(shares):
            for path, p in paths_of(process, x_0[pixel]).items():
                share[path[t]] = share.get(path[t], 0.0) + p
        for (a, p_a), (b, p_b) in itertools.product(shares[0].items(), shares[1].items()):
            level, x_t = torch.tensor(x_0).view(1, 1, 2), chain.pixels((a, b))
            p = chain.probabilities((a, b), t).view(1, process.levels, 1, 2)
            divergence = posterior_divergence(process, level, x_t, p, t)
            assert (divergence >= -1e-12).all()
            total += p_a * p_b * divergence.sum().item()
    assert total == pytest.approx(bound, rel=1e-6)
    assert total >= surprise - 1e-9


@pytest.mark.parametrize("process", [BLIND, KNOWN])
@pytest.mark.parametrize("evaluations", [2, T])
def test_bound_is_estimated_without_bias(process: GreyImpulse, evaluations: int) -> None:
    x_0, chain = (1, 2), Chain(process)
    images = process.dequantise(torch.tensor(x_0)).view(1, 1, 1, 2).expand(20_000, 1, 1, 2)
    found = variational_bound(chain.model, images, evaluations, Stream(0, "test"), torch.float32)
    expected = chain.exact(x_0)[0] / 2 / math.log(2)  # bits a pixel
    assert found.bits == pytest.approx(expected, abs=5 * found.standard_error)
    assert found.standard_error < 0.05 * expected


def test_training_loss_with_a_known_mask_estimates_the_bound(rng: torch.Generator) -> None:
    chain, n = Chain(KNOWN), 200_000
    x_0 = KNOWN.dequantise(torch.tensor([1, 2])).view(1, 1, 1, 2).expand(n, 1, 1, 2)
    t = torch.randint(1, T + 1, (n,), generator=rng)
    found = chain.model.loss(x_0, t, KNOWN.draw_noise(x_0, rng)).item()  # nats a pixel
    assert found == pytest.approx(chain.exact((1, 2))[0] / 2, rel=0.02)


def test_models_without_a_bound_are_refused() -> None:
    images, stream, chain = torch.zeros(1, 1, 1, 2), Stream(0, "test"), Chain(BLIND)
    hot = DiffusionModel(chain.network, build_process("linear"), "eps")
    with pytest.raises(TypeError, match="gaussian degradation has no grey levels"):
        variational_bound(hot, images, 1, stream, torch.float32)
    partial = DiffusionModel(
        chain.network, GreyImpulse(cosine_density(0.0, 0.4, T), 3), "categorical"
    )
    with pytest.raises(ValueError, match=r"the last density is 0\.4, must be 0\.5"):
        variational_bound(partial, images, 1, stream, torch.float32)
    with pytest.raises(ValueError, match="evaluations is 5, must not exceed T, 4"):
        variational_bound(chain.model, images, 5, stream, torch.float32)


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

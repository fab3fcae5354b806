"""Inverse heat dissipation."""

import pytest
import torch
from conftest import build_process
from torch import Tensor

from hotcold import InverseDissipation
from hotcold.models.process import blurred
from hotcold.numerics.rng import ChunkedNoise
from hotcold.samplers.inverse_dissipation.sampler import run


def test_inverse_dissipation_adds_noise_and_ends_at_the_prediction(rng: torch.Generator) -> None:
    process, noise = build_process("dissipation"), ChunkedNoise([200], [rng])
    x_0 = torch.rand(200, 1, 28, 28, generator=rng) - 0.5
    states: dict[int, Tensor] = {}
    seen: list[int] = []

    def restore(x_t: Tensor, t: int) -> Tensor:
        seen.append(t)
        return x_0

    start = process.start(x_0, noise)
    keep = lambda key, t, x_t: states.__setitem__(t, x_t)  # noqa: E731
    sets = run(InverseDissipation(noise=1.5), restore, process, start, noise, keep)
    assert torch.equal(sets["inverse_dissipation"], x_0)
    assert seen == [5, 4, 3, 2, 1]
    assert list(states) == [5, 4, 3, 2, 1, 0]
    assert states[5].std((2, 3)).mean().item() == pytest.approx(0.1, rel=0.02)
    assert -0.42 < states[5].mean((2, 3)).min() < states[5].mean((2, 3)).max() < -0.18
    for t in (4, 1):
        added = states[t] - blurred(x_0, process.schedule, t)
        assert added.std().item() == pytest.approx(0.15, rel=0.02)

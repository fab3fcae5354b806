"""The cold samplers."""

import pytest
import torch
from conftest import build_process
from torch import Tensor

from hotcold import Cold
from hotcold.models.process import ColdProcess, Start
from hotcold.numerics.pixels import HIGH
from hotcold.numerics.rng import ChunkedNoise
from hotcold.samplers.cold.sampler import improved, naive, run

SPOT = torch.exp(-((torch.arange(28) - 11.0) ** 2) / 20)
X_0 = (SPOT[:, None] * SPOT * 0.9 - 0.45).expand(4, 1, 28, 28)  # neither black nor white
COLD = ["impulse", "blur", "pixelation", "fading"]


def cold(**block: float) -> Cold:
    """The block of a cold sampler."""
    return Cold(start="validation", **block)


def started(name: str, rng: torch.Generator) -> tuple[ColdProcess, Start, ChunkedNoise]:
    """A process, X_0 degraded by it, and further noise."""
    process, noise = build_process(name), ChunkedNoise([len(X_0)], [rng])
    return process, process.start(X_0, noise), noise


def test_nothing_of_pure_noise_is_left(rng: torch.Generator) -> None:
    """Whatever the last density of the process is."""
    process, noise = build_process("impulse"), ChunkedNoise([len(X_0)], [rng])
    start = process.start(X_0, noise, alone=True)
    assert (start.x_T.abs() == HIGH).all()
    sets = run(cold(), lambda x, t: X_0, process, start, noise)
    for key in ("naive", "improved"):
        torch.testing.assert_close(sets[key], X_0, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", COLD)
def test_perfect_restorer_recovers_the_image(name: str, rng: torch.Generator) -> None:
    """The naive sampler passes through the states of the forward process, unless the noise is
    drawn anew in each step: a dark spot keeps its position."""
    process, start, noise = started(name, rng)
    every, restored = list(range(process.T, -1, -1)), []
    seen: dict[str, dict[int, Tensor]] = {"naive": {}, "improved": {}}
    sets = run(
        cold(),
        lambda x, t: (restored.append(t), X_0)[1],
        process,
        start,
        noise,
        lambda key, t, x: seen[key].update({t: x}),
    )
    inferred = every[:-1] if process.renews_noise else []
    assert restored == [*every[:-1], *every[:-1], process.T, *inferred]  # one_step between
    assert ("inferred" in sets) == process.renews_noise
    assert list(seen["naive"]) == list(seen["improved"]) == every
    assert torch.equal(sets["degraded"], start.x_T)
    for key in sets.keys() - {"degraded", "inferred"}:  # which may take a white pixel for salt
        torch.testing.assert_close(sets[key], X_0, rtol=0, atol=1e-5)
    for t in range(1, process.T):
        state = process.degrade(X_0, start.noise, t)
        torch.testing.assert_close(seen["improved"][t], state, rtol=0, atol=1e-5)
        assert torch.equal(seen["naive"][t], state) != process.renews_noise


def test_improved_sampler_keeps_pixels_despite_wrong_restorations(rng: torch.Generator) -> None:
    process, start, _ = started("impulse", rng)
    survived = start.x_T == X_0
    restored = improved(lambda x, t: torch.zeros_like(x), process, start)
    torch.testing.assert_close(restored[survived], X_0[survived], rtol=0, atol=1e-6)
    assert restored[~survived].abs().max() < 1e-6


@pytest.mark.parametrize("name", COLD)
def test_the_share_of_pixels_drawn_anew_leads_from_the_improved_to_the_naive_sampler(
    name: str, rng: torch.Generator
) -> None:
    process, start, _ = started(name, rng)

    def noise() -> ChunkedNoise:
        return ChunkedNoise([len(X_0)], [torch.Generator().manual_seed(1)])

    def restore(x: Tensor, t: int) -> Tensor:
        return 0.9 * x

    x, fresh = start.x_T, noise()
    for s in range(process.T, 0, -1):
        u = fresh.uniform(x) if process.renews_noise else start.noise
        x = process.degrade(restore(x, s), u, s - 1)
    assert torch.equal(naive(cold(), restore, process, start, noise()), x)
    names = [cold(**share).variant for share in ({}, {"redrawn": 0.25}, {"overwritten": 1.0})]
    assert names == ["naive", "redrawn = 0.25", "overwritten = 1"]
    x = start.x_T
    for s in range(process.T, 0, -1):
        x = process.degrade(restore(x, s), start.noise, s - 1)
    assert torch.equal(naive(cold(overwritten=1.0), restore, process, start, noise()), x)
    overwritten = run(cold(overwritten=1), restore, process, start, noise())
    assert torch.equal(overwritten["naive"], x)
    kept = naive(cold(redrawn=0.0), restore, process, start, noise())
    assert torch.equal(kept, naive(cold(overwritten=0.0), restore, process, start, noise()))
    assert torch.equal(kept, improved(restore, process, start))
    if process.renews_noise:
        sets = run(cold(), restore, process, start, noise())
        u = process.noise_behind(start.x_T, sets["one_step"], fresh.uniform(x))
        inferred = improved(restore, process, Start(start.x_T, u))
        assert torch.equal(sets["inferred"], inferred) and not torch.equal(kept, inferred)


@pytest.mark.parametrize("key", ["redrawn", "overwritten"])
def test_an_observed_pixel_is_lost_if_it_is_predicted_anew(key: str, rng: torch.Generator) -> None:
    """By a restorer that knows nothing, (1 - 2 rho_T)(1 - share)^T of the pixels are left, and the
    density of the noise is that of the step."""
    process, start, noise = started("impulse", rng)
    seen: dict[int, Tensor] = {}
    naive(
        cold(**{key: 0.2}),
        lambda x, t: torch.zeros_like(x),
        process,
        start,
        noise,
        lambda _, t, x: seen.update({t: x}),
    )
    left = torch.isclose(seen[0], X_0, atol=1e-6).double().mean()
    salt = (seen[1] == HIGH).double().mean()
    for share, expected in (
        (left, (1 - 2 * process.density[-1]) * 0.8**process.T),
        (salt, process.density[1]),
    ):
        assert abs(share - expected) < 4 * (expected * (1 - expected) / X_0.numel()) ** 0.5

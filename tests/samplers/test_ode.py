"""Euler steps and Heun's method, with velocities that are known in closed form."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from torch import Tensor

from hotcold.models.process import Start, build
from hotcold.numerics.rng import ChunkedNoise
from hotcold.samplers.ode.params import ODE, Method
from hotcold.samplers.ode.sampler import run

PROCESS = build({"kind": "flow", "T": 1024})
NO_NOISE = ChunkedNoise([], [])


def velocity(x: Tensor, t: int, spread: float = 0.3) -> Tensor:
    """That of images whose pixels are independent, with mean 0.2 and this standard deviation."""
    s = t / PROCESS.T
    variance = (1 - s) ** 2 * spread**2 + s**2
    share = (s - (1 - s) * spread**2) / variance
    return share * (x - (1 - s) * 0.2) - 0.2


@pytest.mark.parametrize("method", ["euler", "heun"])
def test_steps_are_those_of_diffusers(method: Method, rng: torch.Generator) -> None:
    x_T, steps = torch.randn(2, 1, 28, 28, generator=rng), 8
    kind = {"euler": FlowMatchEulerDiscreteScheduler, "heun": FlowMatchHeunDiscreteScheduler}
    scheduler = kind[method](num_train_timesteps=PROCESS.T)
    scheduler.set_timesteps(steps)
    first, *others = [(steps - k) / steps for k in range(steps)]
    twice = others if method == "euler" else [s for s in others for _ in (1, 2)]
    scheduler.sigmas = torch.tensor([first, *twice, 0.0])
    scheduler.timesteps = scheduler.sigmas[:-1] * PROCESS.T
    x = x_T
    for t in scheduler.timesteps:
        x = scheduler.step(velocity(x, float(t)), t, x).prev_sample  # type: ignore[arg-type]
    sampler = ODE(method=method, steps=steps)
    found = run(sampler, velocity, PROCESS, Start(x_T, x_T), NO_NOISE)["ode"]  # type: ignore[arg-type]
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-5)


def test_evaluations_count_both_of_a_step_of_heun_but_one_in_the_last() -> None:
    for method in ("euler", "heun"):
        sampler, calls = ODE(method=method, steps=PROCESS.T), []
        count = lambda x, t: calls.append(t) or x  # noqa: B023, E731
        x_T = torch.zeros(1, 1, 28, 28)
        run(sampler, count, PROCESS, Start(x_T, x_T), NO_NOISE)  # type: ignore[arg-type]
        assert len(calls) == sampler.evaluations(PROCESS.T)
    assert ODE(steps=5, guidance=2.0).evaluations(PROCESS.T) == 10

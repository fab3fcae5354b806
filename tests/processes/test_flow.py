"""Flow matching."""

import torch
from conftest import build_process
from diffusers import FlowMatchEulerDiscreteScheduler


def test_states_are_on_the_straight_line_of_diffusers(rng: torch.Generator) -> None:
    process = build_process("flow")
    x_0, noise = torch.randn(2, 3, 1, 28, 28, generator=rng)
    t = torch.tensor([1, 3, process.T])
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=process.T)
    expected = scheduler.scale_noise(x_0, t.float(), noise)
    torch.testing.assert_close(process.degrade(x_0, noise, t), expected)
    torch.testing.assert_close(process.degrade(x_0, noise, process.T), noise)


def test_velocity_is_the_derivative_of_the_state(rng: torch.Generator) -> None:
    process = build_process("flow")
    x_0, noise = torch.randn(2, 4, 1, 28, 28, generator=rng)
    velocity = process.predictions["velocity"].target(process, x_0, torch.full((4,), 2), noise)
    slope = process.T * (process.degrade(x_0, noise, 3) - process.degrade(x_0, noise, 2))
    torch.testing.assert_close(velocity, slope, rtol=1e-4, atol=1e-5)

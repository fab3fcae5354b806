"""Hot diffusion: flow matching, a straight line from an image to noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from hotcold.models.predictions import Prediction
from hotcold.models.process import HotProcess, per_image


class Velocity(Prediction):
    """dx_s / ds = noise - x_0, the direction of the line, like x_0."""

    def target(self, process: Flow, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        return noise - x_0


class Flow(HotProcess):
    """x_s = (1 - s) x_0 + s noise, with s = t / T (Lipman et al. 2023, equation 22 with
    sigma_min = 0 and time reversed; Liu et al. 2023, equation 1). schedule: s."""

    predictions: ClassVar = {"velocity": Velocity()}

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        share = per_image(self.schedule, t, x_0)
        return (1 - share) * x_0 + share * noise

    def remainder(self, t: int) -> str:
        return f"{1 - self.schedule[t]:.1%} image and {self.schedule[t]:.1%} noise"


def build(block: Mapping[str, Any]) -> Flow:
    return Flow(torch.linspace(0, 1, block["T"] + 1, dtype=torch.float64))

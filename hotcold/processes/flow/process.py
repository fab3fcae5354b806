"""Hot diffusion: flow matching, a straight line from an image to noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hotcold.models.predictions import Prediction
from hotcold.models.process import HotProcess, per_image


class Velocity(Prediction):
    """dx_s / ds = noise - x_0, the direction of the line, like x_0."""

    def target(self, process: Flow, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        return noise - x_0

    def estimate(self, process: Flow, output: Tensor, x_t: Tensor, t: int) -> Tensor:
        return output


@dataclass(frozen=True, eq=False)
class Flow(HotProcess):
    """x_s = (1 - s) x_0 + s noise, with s = t / T (Lipman et al. 2023, equation 22 with
    sigma_min = 0 and time reversed; Liu et al. 2023, equation 1)."""

    predictions: ClassVar = {"velocity": Velocity()}
    share: Tensor  # s, (T + 1,), float64

    @property
    def schedule(self) -> Tensor:
        return self.share

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        share = per_image(self.share, t, x_0)
        return (1 - share) * x_0 + share * noise

    def remainder(self, t: int) -> str:
        return f"{1 - self.share[t]:.1%} image and {self.share[t]:.1%} noise"


def build(block: Mapping[str, Any]) -> Flow:
    return Flow(torch.linspace(0, 1, block["T"] + 1, dtype=torch.float64))

"""Cold diffusion: Gaussian blur."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hotcold.models.process import ColdProcess, blurred


class Blur(ColdProcess):
    """Gaussian blur whose width rises linearly (Bansal et al., deblurring); deterministic.

    schedule: standard deviation of the kernel in pixels; 0 at t = 0.
    """

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """The blurred image; the noise is not used."""
        return blurred(x_0, self.schedule, t)

    def remainder(self, t: int) -> str:
        return f"blurred with a standard deviation of {self.schedule[t]:.2f} pixels"


def build(block: Mapping[str, Any]) -> Blur:
    return Blur(torch.linspace(0, block["std"], block["T"] + 1, dtype=torch.float64))

"""Cold diffusion: Gaussian blur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hotcold.models.process import ColdProcess, blurred


@dataclass(frozen=True, eq=False)
class Blur(ColdProcess):
    """Gaussian blur whose width rises linearly (Bansal et al., section 5.1); deterministic."""

    std: Tensor  # standard deviation of the kernel in pixels, (T + 1,), float64; std[0] = 0

    @property
    def schedule(self) -> Tensor:
        return self.std

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """The blurred image; the noise is not used."""
        return blurred(x_0, self.std, t)

    def remainder(self, t: int) -> str:
        return f"blurred with a standard deviation of {self.std[t]:.2f} pixels"


def build(block: Mapping[str, Any]) -> Blur:
    return Blur(torch.linspace(0, block["std"], block["T"] + 1, dtype=torch.float64))

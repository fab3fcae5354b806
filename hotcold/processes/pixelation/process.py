"""Cold diffusion: pixelation."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hotcold.models.process import ColdProcess, as_tensor


class Pixelation(ColdProcess):
    """Squares of one grey that grow with t (Bansal et al., super-resolution); deterministic."""

    def __init__(self, sides: tuple[int, ...]) -> None:
        """sides of the squares at t = 1..T, in pixels; divisors of the image's side."""
        super().__init__(torch.tensor([1, *sides], dtype=torch.float64))
        self.sides = sides

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """Each square has the mean of its pixels; the noise is not used."""
        t = as_tensor(t, x_0.device).view(-1, 1, 1, 1)
        x = x_0
        for step, side in enumerate(self.sides, start=1):
            coarse = F.avg_pool2d(x_0, side).repeat_interleave(side, 2).repeat_interleave(side, 3)
            x = torch.where(t == step, coarse, x)
        return x

    def remainder(self, t: int) -> str:
        return f"squares of {self.sides[t - 1]} pixels"


def build(block: Mapping[str, Any]) -> Pixelation:
    return Pixelation(tuple(block["sides"]))

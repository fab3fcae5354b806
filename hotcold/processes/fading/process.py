"""Cold diffusion: a dark spot that spreads from a random centre."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hotcold.models.process import ColdProcess, as_tensor, on_device
from hotcold.numerics.pixels import LOW


class Fading(ColdProcess):
    """A dark spot that spreads from a random centre (Bansal et al., inpainting).

    At step t a pixel at distance d from the centre keeps the product over i <= t of
    1 - exp(-d^2 / (2 w_i^2)) of its intensity above black. schedule: w_t in pixels; w_0 is not
    used.
    """

    def degrade(self, x_0: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """The first two values of the noise of an image give the row and column of its centre."""
        height, width = x_0.shape[2:]
        centre = noise.flatten(1)[:, :2]
        row = torch.arange(height, device=x_0.device, dtype=x_0.dtype)[:, None]
        column = torch.arange(width, device=x_0.device, dtype=x_0.dtype)
        dy = row - centre[:, 0].view(-1, 1, 1, 1) * (height - 1)
        dx = column - centre[:, 1].view(-1, 1, 1, 1) * (width - 1)
        square = (dy**2 + dx**2)[..., None]  # (N, 1, H, W, 1)
        widths = on_device(self.schedule, x_0.dtype, x_0.device)[1:]
        kept = (1 - torch.exp(-square / (2 * widths**2))).cumprod(4)
        kept = torch.cat([torch.ones_like(kept[..., :1]), kept], 4)  # (N, 1, H, W, T + 1)
        steps = as_tensor(t, x_0.device).view(-1, 1, 1, 1, 1)
        intensity = kept.gather(4, steps.expand(*kept.shape[:4], 1))[..., 0]
        return intensity * (x_0 - LOW) + LOW

    def remainder(self, t: int) -> str:
        return f"spot {self.schedule[t]:.2f} pixels wide, after those of all earlier steps"


def build(block: Mapping[str, Any]) -> Fading:
    return Fading(torch.linspace(0, block["width"], block["T"] + 1, dtype=torch.float64))

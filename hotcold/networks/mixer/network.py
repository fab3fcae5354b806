"""A small MLP-Mixer (Tolstikhin et al. 2021): products alone, without convolution or attention.

An image of 28 x 28 pixels is 7 x 7 = 49 patches of 4 x 4 pixels.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH, PATCHES = 4, 49


def mlp(width: int) -> nn.Sequential:
    """(..., width) -> the same, by a hidden layer of twice that width."""
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))


class Block(nn.Module):
    """(N, PATCHES, width) -> the same: mixes the patches of each channel, then the channels of each
    patch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.patches, self.channels = mlp(PATCHES), mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.patches(self.norm1(x).mT).mT
        return x + self.channels(self.norm2(x))


class Mixer(nn.Module):
    """(N, in_channels, 28, 28) and t / T of shape (N,) -> (N, out_channels, 28, 28).

    The embedding of t is added to every patch, after that of the patch.
    """

    omega: Tensor

    def __init__(self, width: int, blocks: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.register_buffer("omega", torch.logspace(0, 3, 16), persistent=False)
        self.time = nn.Sequential(nn.Linear(32, width), nn.SiLU(), nn.Linear(width, width))
        self.embed = nn.Linear(in_channels * PATCH**2, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, out_channels * PATCH**2)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        phase = t[:, None] * self.omega  # (N, 16)
        time = self.time(torch.cat([phase.sin(), phase.cos()], 1))[:, None]  # (N, 1, width)
        patches = F.unfold(x_t, PATCH, stride=PATCH).mT  # (N, PATCHES, in_channels * 16)
        x = self.out(self.norm(self.blocks(self.embed(patches) + time)))
        return F.fold(x.mT, x_t.shape[2:], PATCH, stride=PATCH)


def build(block: Mapping[str, Any], in_channels: int, out_channels: int) -> Mixer:
    return Mixer(block["width"], block["blocks"], in_channels, out_channels)

"""The network of the published report, section 1.1.2: 7x7 convolutions with a time embedding.

Activations are in channels_last, the memory format of the fast convolutions of every device.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hotcold.networks.cnn.fourier_conv import FourierConv2d
from hotcold.numerics import distributed
from hotcold.numerics.pixels import SIDE


class TimeEmbedding(nn.Module):
    """t / T, (N,) in [0, 1] -> (N, channels, 1, 1)."""

    omega: Tensor

    def __init__(self, channels: int, frequencies: int = 16, width: int = 128) -> None:
        super().__init__()
        steps = torch.arange(frequencies - 1)
        omega = torch.cat([torch.zeros(1), 2 * math.pi * 1.5**steps])
        self.register_buffer("omega", omega, persistent=False)
        self.mlp = nn.Sequential(
            nn.Linear(2 * frequencies, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, channels),
        )

    def forward(self, t: Tensor) -> Tensor:
        phase = t[:, None] * self.omega  # (N, frequencies)
        features = torch.cat([phase.sin(), phase.cos() - 1], dim=1)  # (N, 2 * frequencies)
        return self.mlp(features)[:, :, None, None]


class Dropout2d(nn.Dropout2d):
    """Spatial dropout, (N, C, H, W) -> the same, with masks drawn for the batch of all ranks."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        ones = x.new_ones(len(x) * distributed.size(), x.shape[1], 1, 1)
        return x * distributed.shard(F.dropout2d(ones, self.p))


class LayerNorm(nn.LayerNorm):
    """LayerNorm over (C, H, W), computed in the memory order of channels_last."""

    def forward(self, x: Tensor) -> Tensor:
        c, h, w = self.normalized_shape
        weight, bias = self.weight.permute(1, 2, 0), self.bias.permute(1, 2, 0)
        x = F.layer_norm(x.permute(0, 2, 3, 1), (h, w, c), weight, bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Block(nn.Sequential):
    """7x7 convolution, LayerNorm over (C, H, W), GELU and, if dropout > 0, spatial dropout."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__(
            FourierConv2d(in_channels, out_channels, kernel_size=7, side=SIDE),
            LayerNorm((out_channels, SIDE, SIDE)),
            nn.GELU(),
        )
        if dropout:
            self.append(Dropout2d(dropout))


class Cnn(nn.Module):
    """g_t[x_t]: (N, 1, 28, 28) and t / T of shape (N,) -> (N, 1, 28, 28).

    The time embedding is added to the output of the first block. The last convolution is 3x3,
    without an activation. The image size is fixed, because LayerNorm runs over (C, 28, 28).
    """

    def __init__(self, hidden: tuple[int, ...], dropout: float = 0.0) -> None:
        super().__init__()
        channels = (1, *hidden)
        self.blocks = nn.ModuleList(Block(a, b, dropout) for a, b in pairwise(channels))
        self.time = TimeEmbedding(hidden[0])
        self.conv_out = nn.Conv2d(hidden[-1], 1, kernel_size=3, padding=1)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        x = self.blocks[0](x_t) + self.time(t)
        for block in self.blocks[1:]:
            x = block(x)
        return self.conv_out(x)


def build(block: Mapping[str, Any], in_channels: int, out_channels: int) -> Cnn:
    if (in_channels, out_channels) != (1, 1):
        raise ValueError(f"a cnn has one channel, not {in_channels} and {out_channels}")
    return Cnn(tuple(block["hidden"]), block.get("dropout", 0.0))

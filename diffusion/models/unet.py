"""A small U-Net: 3x3 convolutions at 28, 14 and 7 pixels, attention over the whole image at 7.

After Ho et al. 2020, appendix B, at a fraction of its size.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 8  # of GroupNorm; every number of channels is a multiple of it
WIDTH = 128  # of the features of time
HEADS = 4


class TimeFeatures(nn.Module):
    """t / T, (N,) in [0, 1] -> (N, WIDTH): sines and cosines of 1 to 1000 radians, then an MLP."""

    omega: Tensor

    def __init__(self, frequencies: int = 16) -> None:
        super().__init__()
        omega = torch.logspace(0, 3, frequencies)
        self.register_buffer("omega", omega, persistent=False)
        self.mlp = nn.Sequential(
            nn.Linear(2 * frequencies, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU()
        )

    def forward(self, t: Tensor) -> Tensor:
        phase = t[:, None] * self.omega  # (N, frequencies)
        return self.mlp(torch.cat([phase.sin(), phase.cos()], dim=1))


class ResidualBlock(nn.Module):
    """(N, in_channels, H, W) and features of time -> (N, out_channels, H, W).

    Twice GroupNorm, SiLU and a 3x3 convolution, with time added between them, beside a shortcut.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        self.time = nn.Linear(WIDTH, out_channels)
        self.norm2 = nn.GroupNorm(GROUPS, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1)
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    """Every place looks at every other one: (N, C, H, W) -> the same, beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.questions = nn.Conv2d(channels, 3 * channels, kernel_size=1)
        self.answer = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        parts = self.questions(self.norm(x)).reshape(n, 3, HEADS, c // HEADS, height * width)
        query, key, value = parts.unbind(1)  # each (N, HEADS, C / HEADS, H W)
        weights = (query.transpose(2, 3) @ key / math.sqrt(c // HEADS)).softmax(3)
        seen = value @ weights.transpose(2, 3)  # (N, HEADS, C / HEADS, H W)
        return x + self.answer(seen.reshape(n, c, height, width))


class UNet(nn.Module):
    """(N, 1, 28, 28) and t / T of shape (N,) -> (N, outputs, 28, 28).

    channels: at 28, 14 and 7 pixels; multiples of 8. To the way up is added what the way
    down has seen at the same resolution.
    """

    def __init__(self, channels: tuple[int, int, int], outputs: int = 1) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.time = TimeFeatures()
        self.first = nn.Conv2d(1, fine, kernel_size=3, padding=1)
        self.down1 = ResidualBlock(fine, fine)
        self.shrink1 = nn.Conv2d(fine, middle, kernel_size=3, stride=2, padding=1)
        self.down2 = ResidualBlock(middle, middle)
        self.shrink2 = nn.Conv2d(middle, coarse, kernel_size=3, stride=2, padding=1)
        self.down3 = ResidualBlock(coarse, coarse)
        self.attention = Attention(coarse)
        self.up3 = ResidualBlock(coarse, coarse)
        self.grow2 = nn.Conv2d(coarse, middle, kernel_size=1)
        self.up2 = ResidualBlock(middle, middle)
        self.grow1 = nn.Conv2d(middle, fine, kernel_size=1)
        self.up1 = ResidualBlock(fine, fine)
        self.norm = nn.GroupNorm(GROUPS, fine)
        self.last = nn.Conv2d(fine, outputs, kernel_size=3, padding=1)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        time = self.time(t)
        x = x_t.contiguous(memory_format=torch.channels_last)
        fine = self.down1(self.first(x), time)  # (N, ., 28, 28)
        middle = self.down2(self.shrink1(fine), time)  # (N, ., 14, 14)
        coarse = self.down3(self.shrink2(middle), time)  # (N, ., 7, 7)
        coarse = self.up3(self.attention(coarse), time)
        middle = self.up2(middle + _double(self.grow2(coarse)), time)
        fine = self.up1(fine + _double(self.grow1(middle)), time)
        return self.last(F.silu(self.norm(fine)))


def _double(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W), each value four times."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")

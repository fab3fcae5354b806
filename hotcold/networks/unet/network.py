"""A small U-Net: 3x3 convolutions at 28, 14 and 7 pixels, attention over all positions at 7.

After Ho et al. 2020, appendix B, at a fraction of its size.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 8  # the most that a GroupNorm has
WIDTH = 128  # channels of the time embedding
HEADS = 4


class TimeEmbedding(nn.Module):
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


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm of (N, channels, H, W), with two channels or more in a group: in a group of one,
    it would remove the time embedding, which is constant over H and W."""
    return nn.GroupNorm(min(GROUPS, channels // 2), channels)


class ResidualBlock(nn.Module):
    """(N, in_channels, H, W) and the time embedding -> (N, out_channels, H, W).

    Two groups of GroupNorm, SiLU and a 3x3 convolution, with the time embedding added between
    them, and a residual connection.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        self.time = nn.Linear(WIDTH, out_channels)
        self.norm2 = group_norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1)
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    """Self-attention over all positions, (N, C, H, W) -> the same, with a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, kernel_size=1)
        self.proj = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, HEADS, c // HEADS, height * width)
        query, key, value = qkv.unbind(1)  # each (N, HEADS, C / HEADS, H W)
        weights = (query.transpose(2, 3) @ key / math.sqrt(c // HEADS)).softmax(3)
        attended = value @ weights.transpose(2, 3)  # (N, HEADS, C / HEADS, H W)
        return x + self.proj(attended.reshape(n, c, height, width))


class Upsample(nn.Module):
    """(N, C, H, W) -> (N, out_channels, 2H, 2W): a 1x1 convolution, each value repeated 2 x 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.conv(x), scale_factor=2.0, mode="nearest")


class UNet(nn.Module):
    """(N, in_channels, 28, 28) and t / T of shape (N,) -> (N, out_channels, 28, 28).

    channels: at 28, 14 and 7 pixels; multiples of 8. Skip connections are added, not concatenated.
    classes: if not 0, the network also gets the label of each image, (N,) int64, 0 .. classes - 1;
    `classes` stands for an unknown label. Its embedding is added to that of t (Nichol and Dhariwal
    2021, section 5).
    """

    def __init__(
        self,
        channels: tuple[int, int, int],
        out_channels: int = 1,
        in_channels: int = 1,
        classes: int = 0,
    ) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.classes = classes
        self.time = TimeEmbedding()
        self.conv_in = nn.Conv2d(in_channels, fine, kernel_size=3, padding=1)
        self.down1 = ResidualBlock(fine, fine)
        self.downsample1 = nn.Conv2d(fine, middle, kernel_size=3, stride=2, padding=1)
        self.down2 = ResidualBlock(middle, middle)
        self.downsample2 = nn.Conv2d(middle, coarse, kernel_size=3, stride=2, padding=1)
        self.down3 = ResidualBlock(coarse, coarse)
        self.attention = Attention(coarse)
        self.up3 = ResidualBlock(coarse, coarse)
        self.upsample2 = Upsample(coarse, middle)
        self.up2 = ResidualBlock(middle, middle)
        self.upsample1 = Upsample(middle, fine)
        self.up1 = ResidualBlock(fine, fine)
        self.norm = group_norm(fine)
        self.conv_out = nn.Conv2d(fine, out_channels, kernel_size=3, padding=1)
        self.label = nn.Embedding(classes + 1, WIDTH) if classes else None

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        time = self.time(t)
        if self.label is not None:
            unknown = t.new_full(t.shape, self.label.num_embeddings - 1, dtype=torch.long)
            time = time + self.label(unknown if label is None else label)
        fine = self.down1(self.conv_in(x_t), time)  # (N, ., 28, 28)
        middle = self.down2(self.downsample1(fine), time)  # (N, ., 14, 14)
        coarse = self.down3(self.downsample2(middle), time)  # (N, ., 7, 7)
        coarse = self.up3(self.attention(coarse), time)
        middle = self.up2(middle + self.upsample2(coarse), time)
        fine = self.up1(fine + self.upsample1(middle), time)
        return self.conv_out(F.silu(self.norm(fine)))


def build(block: Mapping[str, Any], in_channels: int, out_channels: int) -> UNet:
    return UNet(tuple(block["channels"]), out_channels, in_channels, block.get("classes") or 0)

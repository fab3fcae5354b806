"""The MNIST classifier that the scores look through."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffusion.mnist import to_pixels


def _convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class Outputs(NamedTuple):
    """maps: (N, 1568), the last maps, flattened; features: (N, 128); logits: (N, 10)."""

    maps: Tensor
    features: Tensor
    logits: Tensor


class Classifier(nn.Module):
    """(N, 1, 28, 28) in [-0.5, 0.5] -> Outputs. Three levels of two convolutions each."""

    FEATURES = 128

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            _convolution(1, 16),
            _convolution(16, 16),
            nn.MaxPool2d(2),  # (16, 14, 14)
            _convolution(16, 32),
            _convolution(32, 32),
            nn.MaxPool2d(2),  # (32, 7, 7)
            _convolution(32, 64),
            _convolution(64, 32),
            nn.Flatten(),  # 32 * 7 * 7 = 1568
        )
        self.features = nn.Sequential(
            nn.Linear(1568, self.FEATURES, bias=False), nn.BatchNorm1d(self.FEATURES), nn.ReLU()
        )
        self.logits = nn.Linear(self.FEATURES, 10)

    def forward(self, x: Tensor) -> Outputs:
        maps = self.maps(x)
        features = self.features(maps)
        return Outputs(maps, features, self.logits(features))


def shift(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Move each image by its own offset of up to `pixels` in both directions; (N, 1, H, W)."""
    count, _, height, width = images.shape
    padded = F.pad(images, (pixels,) * 4)[:, 0]
    offsets = torch.randint(
        0, 2 * pixels + 1, (2, count, 1), generator=generator, device=images.device
    )
    rows = offsets[0] + torch.arange(height, device=images.device)  # (N, H)
    columns = offsets[1] + torch.arange(width, device=images.device)  # (N, W)
    index = torch.arange(count, device=images.device)
    return padded[index[:, None, None], rows[:, :, None], columns[:, None, :]].unsqueeze(1)


def train_epoch(
    network: Classifier,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    generator: torch.Generator,
    autocast: torch.autocast,
    advance: Callable[[], None],
) -> None:
    """One pass over uint8 images, shifted by up to 2 pixels; hard labels, no smoothing."""
    network.train()
    order = torch.randperm(len(images), generator=generator, device=images.device)
    steps = len(images) // batch_size
    for indices in order[: steps * batch_size].split(batch_size):
        x = to_pixels(shift(images[indices], 2, generator))
        with autocast:
            logits = network(x).logits
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(logits.float(), labels[indices]).backward()
        optimizer.step()
        schedule.step()
        advance()


@torch.no_grad()
def classify(network: nn.Module, images: Tensor, batch_size: int = 500) -> Outputs:
    """Outputs for uint8 images, in float32 and on the CPU, whatever the training precision.

    float32, since scores must not depend on the machine's choice of precision.
    """
    device = next(network.parameters()).device
    network.eval()
    batches = [network(to_pixels(part.to(device))) for part in images.split(batch_size)]
    return Outputs(*(torch.cat(parts).float().cpu() for parts in zip(*batches, strict=True)))

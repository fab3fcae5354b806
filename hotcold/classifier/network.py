"""The MNIST classifier whose features and logits define the scores."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hotcold.numerics import checkpoints
from hotcold.numerics.pixels import to_pixels
from hotcold.runtime import paths


class Outputs(NamedTuple):
    """maps: (N, 1568), the last feature maps, flattened; features: (N, 128); logits: (N, 10)."""

    maps: Tensor
    features: Tensor
    logits: Tensor


def _convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


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

    @classmethod
    def load(
        cls, path: Path = paths.CLASSIFIER_WEIGHTS, device: torch.device | str = "cpu"
    ) -> Classifier:
        """The trained classifier. Raises UserError if the file is missing or damaged."""
        network = cls()
        checkpoints.load_weights(network, checkpoints.load(path)[0], path)
        return network.to(device)

    def forward(self, x: Tensor) -> Outputs:
        maps = self.maps(x)
        features = self.features(maps)
        return Outputs(maps, features, self.logits(features))

    @torch.no_grad()
    def classify(self, images: Tensor, batch_size: int = 500) -> Outputs:
        """The outputs for uint8 images (N, 1, 28, 28), in evaluation mode, on the CPU; in float32
        on every machine, so that scores do not depend on the precision of training."""
        device = next(self.parameters()).device
        self.eval()
        batches = [self(to_pixels(part.to(device))) for part in images.split(batch_size)]
        return Outputs(*(torch.cat(parts).float().cpu() for parts in zip(*batches, strict=True)))

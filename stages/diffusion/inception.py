"""Inception-v3 features by torchmetrics, from the weights that stage download_inception keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import stages.torchvision_ops  # noqa: F401  (before torchmetrics)

# isort: split
import torch
from torch import Tensor
from torchmetrics.image.fid import NoTrainInceptionV3

WEIGHTS = Path("data/inception/weights-inception-2015-12-05-6726825d.pth")


def find(path: Path = WEIGHTS) -> Path | None:
    """The weights file, or None where it could not be had."""
    return path if path.exists() else None


def inception_features(
    weights: Path, device: torch.device, batch_size: int = 50
) -> Callable[[Tensor], Tensor]:
    """A function from uint8 images, (N, 1, 28, 28), to features, (N, 2048) float32 on the CPU.

    Resized as in torch-fidelity and the FID literature (no antialiasing).
    """
    network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias=False).to(
        device
    )

    @torch.inference_mode()
    def features(images: Tensor) -> Tensor:
        batches = [
            network(batch.expand(-1, 3, -1, -1).to(device)).float().cpu()
            for batch in images.split(batch_size)
        ]
        return torch.cat(batches)

    return features

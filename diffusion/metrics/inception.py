"""Inception-v3 features by torchmetrics, from the weights that stage download_inception keeps."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import diffusion.runtime.torchvision_ops  # noqa: F401  (before torchmetrics)

# isort: split
import torch
from torch import Tensor

from diffusion.runtime.errors import UserError

# torch-fidelity asks for unpickling with any code in it; PyTorch then takes tensors only.
os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"

WEIGHTS = Path("data/inception/weights-inception-2015-12-05-6726825d.pth")


def find(path: Path = WEIGHTS) -> Path | None:
    """The weights file, or None where it could not be had."""
    return path if path.exists() else None


def inception_features(
    weights: Path, device: torch.device, batch_size: int = 50
) -> Callable[[Tensor], Tensor]:
    """A function from uint8 images, (N, 1, 28, 28), to features, (N, 2048) float32 on the CPU.

    Resized as in torch-fidelity and the FID literature (no antialiasing). Raises UserError where
    the file is damaged, or holds anything but tensors.
    """
    from torchmetrics.image.fid import NoTrainInceptionV3  # takes seconds

    try:
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{weights} is damaged ({reason}): delete it and run dvc repro") from None
    network.to(device)

    @torch.inference_mode()
    def features(images: Tensor) -> Tensor:
        batches = [
            network(batch.expand(-1, 3, -1, -1).to(device)).float().cpu()
            for batch in images.split(batch_size)
        ]
        return torch.cat(batches)

    return features

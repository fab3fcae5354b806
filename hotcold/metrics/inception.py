"""Inception-v3 features by torchmetrics, from the weights of the stage download_inception."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import hotcold.runtime.torchvision_ops  # noqa: F401  (before torchmetrics)
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError

Features = Callable[[Tensor], Tensor]  # (N, 1, 28, 28) uint8 -> (N, 2048) float32 on the CPU

# torch-fidelity requests unpickling with arbitrary code; PyTorch then accepts tensors only.
os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"


def find_inception(
    device: torch.device, path: Path = paths.INCEPTION_WEIGHTS, batch_size: int = 50
) -> Features | None:
    """The features as a function of images, which are resized without antialiasing, as in the FID
    literature; None if there is no file of weights. Raises UserError if it is damaged, or contains
    anything but tensors."""
    if not path.exists():
        return None
    from torchmetrics.image.fid import NoTrainInceptionV3  # takes seconds

    try:
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(path), antialias=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is damaged ({reason}): delete it and run dvc repro") from None
    network.to(device)

    @torch.inference_mode()
    def features(images: Tensor) -> Tensor:
        batches = [
            network(batch.expand(-1, 3, -1, -1).to(device)).float().cpu()
            for batch in images.split(batch_size)
        ]
        return torch.cat(batches)

    return features

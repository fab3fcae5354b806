"""A trained model from its file of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from diffusion.models import cnn as network
from diffusion.models import degradations
from diffusion.runtime import checkpoints

Process = degradations.Process


def load(path: Path, device: torch.device) -> tuple[nn.Module, Process, dict[str, Any]]:
    """The network, for sampling; its process; and what the file says of itself (`model`, `epoch`,
    `validation_loss`, `network`, `degradation`, and `prediction` where the model names one).

    Raises UserError where the file is missing, damaged or of another architecture.
    """
    weights, description = checkpoints.load(path)
    net = checkpoints.restore(network.build(description["network"]), weights, path)
    return net.to(device), degradations.build(description["degradation"]), description

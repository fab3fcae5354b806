"""Training losses: Algorithm 1 (eps), Algorithm 3 (x_0), v, and cross-entropy of grey levels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from diffusion.models.model import DiffusionModel


def loss(model: DiffusionModel, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error over the batch and all pixels, a scalar in float32; for a categorical
    prediction the cross-entropy in nats a pixel.

    x_0: (N, 1, 28, 28) in [-0.5, 0.5]; t: (N,) in 1..T; noise: as `process.draw_noise` draws it.
    The target of equation 11 is eps, that of Algorithm 3 is x_0.
    """
    x_t = model.process.degrade(x_0, noise, t)
    output = model.network(x_t, t.to(x_t.dtype) / model.process.T).float()
    target = model.target(x_0, t, noise)
    if model.predicts == "categorical":
        return F.cross_entropy(output, target)
    return F.mse_loss(output, target)

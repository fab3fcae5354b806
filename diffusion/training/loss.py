"""Training losses: Algorithm 1 (predict eps), Algorithm 3 (predict x_0), v, and cross-entropy."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from diffusion.models import predictions
from diffusion.models.degradations import GreyImpulse, Process

Network = Callable[[Tensor, Tensor], Tensor]  # (x_t, t / T) -> see diffusion.models.predictions


def loss(
    network: Network,
    process: Process,
    x_0: Tensor,
    t: Tensor,
    field: Tensor,
    prediction: str | None = None,
) -> Tensor:
    """Mean squared error over the batch and all pixels, a scalar in float32; for grey levels, which
    are predicted as categories, the cross-entropy in nats a pixel.

    x_0: (N, 1, 28, 28) in [-0.5, 0.5]; t: (N,) in 1..T; field: as `process.field` draws it.
    The target is by default eps for a Gaussian process (equation 11) and x_0 for a cold one.
    """
    x_t = process.degrade(x_0, field, t)
    said = network(x_t, t.to(x_t.dtype) / process.T).float()
    if isinstance(process, GreyImpulse):
        return F.cross_entropy(said, process.level(x_0)[:, 0])
    prediction = predictions.of(process, {"prediction": prediction})
    return F.mse_loss(said, predictions.target(process, prediction, x_0, field, t))

"""Training losses: Algorithm 1 (predict eps) and Algorithm 3 (predict x_0)."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from stages.diffusion.degradations import Gaussian, Impulse

Network = Callable[[Tensor, Tensor], Tensor]  # (x_t, t / T) -> eps_hat or x_0_hat


def loss(
    network: Network, process: Gaussian | Impulse, x_0: Tensor, t: Tensor, field: Tensor
) -> Tensor:
    """Mean squared error over the batch and all pixels, a scalar in float32.

    x_0: (N, 1, 28, 28) in [-0.5, 0.5]; t: (N,) in 1..T; field: as `process.field` draws it.
    The target is eps for a Gaussian process (equation 11) and x_0 for an impulse process.
    """
    x_t = process.degrade(x_0, field, t)
    prediction = network(x_t, t.to(x_t.dtype) / process.T)
    target = field if isinstance(process, Gaussian) else x_0
    return F.mse_loss(prediction.float(), target)

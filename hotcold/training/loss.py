"""Training losses: Algorithm 1 (eps), Algorithm 3 (x_0), v, and cross-entropy of grey levels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from hotcold.models.degradations import MaskedImpulse, per_image
from hotcold.models.model import DiffusionModel


def loss(
    model: DiffusionModel, x_0: Tensor, t: Tensor, noise: Tensor, label: Tensor | None = None
) -> Tensor:
    """Mean squared error over the batch and all pixels, a scalar in float32; for a categorical
    prediction the cross-entropy in nats a pixel, and with a known mask its mean over the replaced
    pixels with the weights of the variational bound, so that it estimates that bound.

    x_0: (N, 1, 28, 28) in [-0.5, 0.5]; t: (N,) in 1..T; noise: as `process.draw_noise` draws it;
    label: (N,) int64, for a network with classes.
    The target of equation 11 is eps, that of Algorithm 3 is x_0.
    """
    x_t = model.process.degrade(x_0, noise, t)
    process = model.process
    output = model.output(x_t, t, label).float()
    target = model.target(x_0, t, noise)
    if isinstance(process, MaskedImpulse):
        weight = per_image(process.bound_weight, t, x_0) * process.may_be_noise(x_t)
        return (weight[:, 0] * F.cross_entropy(output, target, reduction="none")).mean()
    if model.predicts == "categorical":
        return F.cross_entropy(output, target)
    return F.mse_loss(output, target)

"""What a network may predict. A process has the predictions that it allows, by their names in
params.yaml: there is no other way from the output of a network to an estimate or a loss."""

from abc import ABC, abstractmethod
from typing import Any

import torch.nn.functional as F
from torch import Tensor


class Prediction(ABC):
    """The target of the network, what the samplers make of its output, and its loss.

    process: the one that allows the prediction. x_0, x_t, noise: (N, 1, H, W). In `target` and
    `loss`, t is (N,) in 1..T; in `estimate` it is one number.
    """

    @abstractmethod
    def target(self, process: Any, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """What the network is trained to predict."""

    def estimate(self, process: Any, output: Tensor, x_t: Tensor, t: int) -> Tensor:
        """What the samplers of the process use: the output, (N, channels, H, W), by default."""
        return output

    def loss(self, process: Any, output: Tensor, target: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """A scalar in float32: the mean squared error over the batch and all pixels."""
        return F.mse_loss(output, target)


class X0(Prediction):
    """The clean image, Algorithm 3: (N, 1, H, W)."""

    def target(self, process: Any, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        return x_0

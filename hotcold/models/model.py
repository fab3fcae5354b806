"""A diffusion model as one object: its network, its forward process, and what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hotcold.models import degradations
from hotcold.models.cnn import Cnn
from hotcold.models.degradations import Gaussian, GreyImpulse, Process, per_image
from hotcold.models.unet import UNet
from hotcold.numerics import checkpoints
from hotcold.runtime.errors import UserError, bounded

# (x_t, t / T), and the label if the network has classes -> its prediction
Network = Callable[..., Tensor]
# What `DiffusionModel.build` raises for a description of something else
FOREIGN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass
class DiffusionModel:
    """A forward process, and a network that predicts something of x_0 or of the noise from x_t.

    predicts:
    - eps: the noise of a Gaussian process, equation 11;
    - x_0: the clean image, Algorithm 3;
    - v: sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x_0 of a Gaussian process (Salimans and Ho
      2022), which has the same scale at every t and is informative where x_t is pure noise;
    - categorical: for each pixel of x_0, one logit for each grey level of an impulse process.

    description: the blocks `degradation` and `network` of params.yaml, and what else the file of
    weights records, such as `epoch` and `validation_loss`.
    """

    network: Network
    process: Process
    predicts: str
    description: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def build(cls, block: dict[str, Any]) -> DiffusionModel:
        """A model with random weights from the blocks `degradation` and `network`."""
        network, degradation = block["network"], block["degradation"]
        process = degradations.build(degradation)
        return cls(
            build_network(network, degradation.get("levels") or 1, process.channels),
            process,
            network["predicts"],
            dict(block),
        )

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> DiffusionModel:
        """A model from a file that `save` wrote, in evaluation mode.

        Raises UserError if the file is missing, damaged, no model or of another architecture.
        """
        path = Path(path)
        weights, description = checkpoints.load(path)
        try:
            model = cls.build(description)
        except FOREIGN as error:
            raise UserError(
                f"{path} is not a model of this project: its network or its degradation is missing "
                f"or wrong ({bounded(error)})"
            ) from None
        checkpoints.load_weights(model.module, weights, path).to(device)
        return model

    def save(self, path: Path, dtype: torch.dtype, **record: Any) -> None:
        """Write the weights, rounded to dtype, and the description with further entries."""
        weights = {name: x.to(dtype) for name, x in self.module.state_dict().items()}
        checkpoints.save(path, weights, self.description | record)

    @property
    def module(self) -> nn.Module:
        """The network as a module with parameters. Raises TypeError if it is a plain function."""
        if not isinstance(self.network, nn.Module):
            raise TypeError(f"the network is {self.network!r}, not a module")
        return self.network

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    @property
    def restores(self) -> bool:
        """Whether sampling starts from a degraded image, not from noise alone."""
        return degradations.restores(self.process)

    def target(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """What the network is trained to predict at step t: (N, 1, H, W), or for `categorical`
        the grey levels, (N, H, W) int64.

        x_0, noise: (N, 1, H, W); t: (N,) in 1..T.
        """
        process = self.process
        if isinstance(process, GreyImpulse):
            return process.quantise(x_0)[:, 0]
        if self.predicts == "x_0" or not isinstance(process, Gaussian):
            return x_0
        if self.predicts == "eps":
            return noise
        signal = per_image(process.sqrt_alpha_bar, t, x_0)
        return signal * noise - per_image(process.sqrt_one_minus_alpha_bar, t, x_0) * x_0

    @property
    def classes(self) -> int:
        """How many labels the network knows; 0 if it gets none."""
        return self.description.get("network", {}).get("classes") or 0

    def output(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """The output of the network, (N, channels, H, W).

        x_t: (N, 1, H, W); t: (N,) in 1..T; label: (N,) int64, for a network with classes.
        """
        known = () if label is None else (label,)
        return self.network(
            self.process.network_input(x_t), t.to(x_t.dtype) / self.process.T, *known
        )

    def predict(self, x_t: Tensor, t: int, label: Tensor | None = None) -> Tensor:
        """What the samplers of the process use: eps_hat of a Gaussian process, x_0_hat of a cold
        one, (N, 1, H, W) in the dtype of x_t; or for `categorical` the probabilities of the grey
        levels, p(x_0 | x_t), (N, levels, H, W).

        x_t: (N, 1, H, W); t: in 1..T; label: (N,) int64, for a network with classes.
        """
        process = self.process
        steps = torch.full((len(x_t),), t, device=x_t.device)
        output = self.output(x_t, steps, label).to(x_t.dtype)
        if isinstance(process, GreyImpulse):
            return output.softmax(1)
        if self.predicts == "eps" or not isinstance(process, Gaussian):
            return output
        alpha_bar = float(process.alpha_bar[t])
        signal, noise = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
        if self.predicts == "v":
            return signal * output + noise * x_t
        return (x_t - signal * output) / noise


def build_network(block: dict[str, Any], out_channels: int = 1, in_channels: int = 1) -> nn.Module:
    """The network of a `network` block of params.yaml. Raises ValueError for an unknown kind."""
    if block["kind"] == "unet":
        classes = block.get("classes") or 0
        return UNet(tuple(block["channels"]), out_channels, in_channels, classes)
    if block["kind"] == "cnn":
        return Cnn(tuple(block["hidden"]), block.get("dropout", 0.0))
    raise ValueError(f"network.kind is {block['kind']!r}, must be 'cnn' or 'unet'")

"""A diffusion model as one object: its network, its forward process, and what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hotcold.models import kinds, process
from hotcold.models.predictions import Prediction
from hotcold.models.process import Process
from hotcold.numerics import checkpoints
from hotcold.runtime.errors import UserError, bounded

# (x_t, t / T), and the label if the network has classes -> its prediction
Network = Callable[..., Tensor]
# What `DiffusionModel.build` raises for a description of something else
FOREIGN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass
class DiffusionModel:
    """A forward process, and a network that predicts something of x_0 or of the noise from x_t.

    predicts: a name of `process.predictions`. description: the blocks `degradation` and `network`
    of params.yaml, and what else the file of weights records, such as `epoch` and
    `validation_loss`. folder: of the file that it was loaded from, with its other checkpoints.
    Raises ValueError if the process has no such prediction.
    """

    network: Network
    process: Process
    predicts: str
    description: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def __post_init__(self) -> None:
        if self.predicts not in self.process.predictions:
            allowed = " or ".join(map(repr, self.process.predictions))
            name = type(self.process).__name__
            raise ValueError(f"predicts is {self.predicts!r}, must be {allowed} for {name}")

    @classmethod
    def build(cls, block: dict[str, Any]) -> DiffusionModel:
        """A model with random weights from the blocks `degradation` and `network`."""
        network, forward = block["network"], process.build(block["degradation"])
        build_network = kinds.behaviour("networks", network["kind"], "build")
        module = build_network(network, forward.channels, forward.levels or 1)
        return cls(module, forward, network["predicts"], dict(block))

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> DiffusionModel:
        """A model from a file that `save` wrote, in evaluation mode. Raises UserError if it is
        missing, damaged, no model or of another architecture."""
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
        model.folder = path.parent
        return model

    def checkpoint(self, epoch: int) -> DiffusionModel:
        """The same model after an earlier epoch, from its folder. Raises UserError if the folder
        has no such file."""
        path = (self.folder or Path()) / f"epoch_{epoch:03d}.safetensors"
        return self.load(path, self.device)

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
    def prediction(self) -> Prediction:
        """What the network predicts."""
        return self.process.predictions[self.predicts]

    @property
    def classes(self) -> int:
        """How many labels the network knows; 0 if it gets none."""
        return getattr(getattr(self.network, "module", self.network), "classes", 0)

    def output(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """The output of the network, (N, channels, H, W).

        x_t: (N, 1, H, W); t: (N,) in 1..T; label: (N,) int64, for a network with classes.
        """
        known = () if label is None else (label,)
        return self.network(
            self.process.network_input(x_t), t.to(x_t.dtype) / self.process.T, *known
        )

    def predict(self, x_t: Tensor, t: int, label: Tensor | None = None) -> Tensor:
        """The estimate that the samplers of the process use, see `Prediction.estimate`, in the
        dtype of x_t.

        x_t: (N, 1, H, W); t: in 1..T; label: (N,) int64, for a network with classes.
        """
        steps = torch.full((len(x_t),), t, device=x_t.device)
        output = self.output(x_t, steps, label).to(x_t.dtype)
        return self.prediction.estimate(self.process, output, x_t, t)

    def loss(self, x_0: Tensor, t: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """The training loss of Algorithms 1 and 3 over a batch, see `Prediction.loss`.

        x_0: (N, 1, 28, 28) in [-0.5, 0.5]; t: (N,) in 1..T; noise: as `process.draw_noise` draws
        it; label: (N,) int64, for a network with classes.
        """
        x_t = self.process.degrade(x_0, noise, t)
        output = self.output(x_t, t, label).float()
        target = self.prediction.target(self.process, x_0, t, noise)
        return self.prediction.loss(self.process, output, target, x_t, t)

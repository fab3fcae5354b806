"""A network with what changes it: Adam, and where asked for a plateau that lowers its rate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Learner:
    """plateau: `factor` and `patience` of ReduceLROnPlateau, or None."""

    def __init__(
        self, network: nn.Module, learning_rate: float, plateau: dict[str, Any] | None
    ) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
        self.plateau = (
            torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, **plateau)
            if plateau
            else None
        )

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.optimizer.param_groups[0]["lr"]

    def epoch_ended(self, validation_loss: float) -> None:
        if self.plateau:
            self.plateau.step(validation_loss)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next epoch depends on, as named tensors and what JSON can hold."""
        adam = self.optimizer.state_dict()
        tensors = {f"network.{name}": x for name, x in self.network.state_dict().items()}
        for index, moments in adam["state"].items():
            tensors |= {f"adam.{index}.{name}": x for name, x in moments.items()}
        plateau = self.plateau.state_dict() if self.plateau else None
        return tensors, {"groups": adam["param_groups"], "plateau": plateau}

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Back to a `state` of a learner made with the same arguments."""
        weights: dict[str, Tensor] = {}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, x in tensors.items():
            kind, name = key.split(".", 1)
            if kind == "network":
                weights[name] = x
            else:
                index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = x
        self.network.load_state_dict(weights)
        self.optimizer.load_state_dict({"state": moments, "param_groups": description["groups"]})
        if self.plateau:
            self.plateau.load_state_dict(description["plateau"])

"""A network with what changes it: Adam, its learning rate, and the average of its weights."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn


def annealed(step: int, steps: int, warmup: float) -> float:
    """The share of the learning rate at a step, counted from 0, of `steps`: a linear rise over
    the share `warmup` of them, then half a cosine towards 0 (Loshchilov and Hutter 2017)."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    return (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2


class Learner:
    """plateau: `factor` and `patience` of ReduceLROnPlateau, or None.
    ema: `decay` of the average of the weights, or None. annealing: `warmup`, see `annealed`, over
    `steps` optimiser steps, or None. The average and the rate follow each step of the optimiser.
    """

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float,
        plateau: dict[str, Any] | None,
        ema: dict[str, float] | None = None,
        annealing: dict[str, float] | None = None,
        steps: int = 0,
    ) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
        self.plateau = (
            torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, **plateau)
            if plateau
            else None
        )
        self.learning_rate, self.annealing = learning_rate, annealing
        self.steps, self.step = steps, 0
        self.decay = ema["decay"] if ema else None
        self.average = copy.deepcopy(network).requires_grad_(False) if ema else None
        self._set_rate()
        if ema or annealing:
            self.optimizer.register_step_post_hook(lambda *_: self._stepped())

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def result(self) -> nn.Module:
        """The network to validate and keep: that of the averaged weights, where there are."""
        return self.network if self.average is None else self.average

    def epoch_ended(self, validation_loss: float) -> None:
        if self.plateau:
            self.plateau.step(validation_loss)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next epoch depends on, as named tensors and what JSON can hold."""
        adam = self.optimizer.state_dict()
        tensors = {f"network.{name}": x for name, x in self.network.state_dict().items()}
        for index, moments in adam["state"].items():
            tensors |= {f"adam.{index}.{name}": x for name, x in moments.items()}
        if self.average is not None:
            tensors |= {f"average.{name}": x for name, x in self.average.state_dict().items()}
        plateau = self.plateau.state_dict() if self.plateau else None
        return tensors, {"groups": adam["param_groups"], "plateau": plateau, "step": self.step}

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Back to a `state` of a learner made with the same arguments."""
        weights: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, x in tensors.items():
            kind, name = key.split(".", 1)
            if kind in weights:
                weights[kind][name] = x
            else:
                index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = x
        self.network.load_state_dict(weights["network"])
        if self.average is not None:
            self.average.load_state_dict(weights["average"])
        self.optimizer.load_state_dict({"state": moments, "param_groups": description["groups"]})
        self.step = description["step"]
        if self.plateau:
            self.plateau.load_state_dict(description["plateau"])

    def _set_rate(self) -> None:
        if self.annealing:
            share = annealed(self.step, self.steps, self.annealing["warmup"])
            self.optimizer.param_groups[0]["lr"] = self.learning_rate * share

    @torch.no_grad()
    def _stepped(self) -> None:
        """After a step: w_average += (1 - decay) (w - w_average). The decay begins at 0.1 and
        rises to its value, as (1 + k) / (10 + k) at step k: the first weights, which are random,
        leave no trace in the average of a short training."""
        self.step += 1
        self._set_rate()
        if self.average is not None and self.decay:
            decay = min(self.decay, self.step / (9 + self.step))
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.network.parameters()), 1 - decay
            )

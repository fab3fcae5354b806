"""What changes in training: the weights, Adam, its learning rate, and the EMA of the weights."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from hotcold.training.params import RecipeParams


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """The factor of the learning rate at a step, counted from 0, of `steps`: a linear rise over
    the share `warmup` of them, then half a cosine towards 0 (Loshchilov and Hutter 2017)."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    return (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2


class TrainState:
    """A network in training; its learning rate and its EMA follow every step of the optimiser.

    steps: optimiser steps of the complete training, over which `warmup_cosine` runs.
    """

    def __init__(self, network: nn.Module, recipe: RecipeParams, steps: int = 0) -> None:
        self.network, self.recipe = network, recipe
        self.steps, self.step = steps, 0
        self.optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate, fused=True)
        self.plateau: ReduceLROnPlateau | None = None
        if recipe.plateau:
            self.plateau = ReduceLROnPlateau(self.optimizer, **recipe.plateau.model_dump())
        self.ema_network: nn.Module | None = None
        if recipe.ema is not None:
            self.ema_network = copy.deepcopy(network).requires_grad_(False)
        self._set_rate()
        if recipe.ema is not None or recipe.warmup is not None:
            self.optimizer.register_step_post_hook(lambda *_: self._after_step())

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def eval_network(self) -> nn.Module:
        """The network to validate and to keep: the EMA if there is one."""
        return self.network if self.ema_network is None else self.ema_network

    def end_epoch(self, validation_loss: float) -> None:
        """Lower the learning rate if the validation loss has reached a plateau."""
        if self.plateau:
            self.plateau.step(validation_loss)

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next epoch depends on: named tensors, and what JSON can hold."""
        adam = self.optimizer.state_dict()
        tensors = {f"network.{name}": x for name, x in self.network.state_dict().items()}
        for index, moments in adam["state"].items():
            tensors |= {f"adam.{index}.{name}": x for name, x in moments.items()}
        if self.ema_network is not None:
            tensors |= {f"ema.{name}": x for name, x in self.ema_network.state_dict().items()}
        plateau = self.plateau.state_dict() if self.plateau else None
        return tensors, {"groups": adam["param_groups"], "plateau": plateau, "step": self.step}

    def load_state_dict(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Continue from a `state_dict` of a state with the same network, recipe and steps."""
        weights: dict[str, dict[str, Tensor]] = {"network": {}, "ema": {}}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, x in tensors.items():
            kind, name = key.split(".", 1)
            if kind in weights:
                weights[kind][name] = x
            else:
                index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = x
        self.network.load_state_dict(weights["network"])
        if self.ema_network is not None:
            self.ema_network.load_state_dict(weights["ema"])
        self.optimizer.load_state_dict({"state": moments, "param_groups": description["groups"]})
        self.step = description["step"]
        if self.plateau:
            self.plateau.load_state_dict(description["plateau"])

    def _set_rate(self) -> None:
        if self.recipe.warmup is not None:
            factor = warmup_cosine(self.step, self.steps, self.recipe.warmup)
            self.optimizer.param_groups[0]["lr"] = self.recipe.learning_rate * factor

    @torch.no_grad()
    def _after_step(self) -> None:
        """w_ema += (1 - decay) (w - w_ema). The decay starts at 0.1 and rises to its value, as
        (1 + k) / (10 + k) at step k, so that the random initial weights leave no trace in the
        EMA of a short training."""
        self.step += 1
        self._set_rate()
        if self.ema_network is not None and self.recipe.ema is not None:
            decay = min(self.recipe.ema, self.step / (9 + self.step))
            torch._foreach_lerp_(
                list(self.ema_network.parameters()), list(self.network.parameters()), 1 - decay
            )

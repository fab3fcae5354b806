"""Hot and cold diffusion models of MNIST: models, samplers and scores, usable without DVC.

    from hotcold import DDIM, DiffusionModel, Scorer, sample

    model = DiffusionModel.load("results/models/model5/best.safetensors")
    digits = sample(model, 16, DDIM(steps=50, eta=1.0), seed=1)  # (16, 1, 28, 28), uint8
    print(Scorer.load()(digits))

These names are imported at their first use, so that a stage can prepare its process before
PyTorch is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotcold.metrics.scorer import Scorer
    from hotcold.models.model import DiffusionModel
    from hotcold.sampling.draw import draw, sample
    from hotcold.sampling.params import DDIM, Ancestral, Categorical, Cold

__all__ = [
    "DDIM",
    "Ancestral",
    "Categorical",
    "Cold",
    "DiffusionModel",
    "Scorer",
    "draw",
    "sample",
]

_MODULES = {
    "DiffusionModel": "hotcold.models.model",
    "Scorer": "hotcold.metrics.scorer",
    "draw": "hotcold.sampling.draw",
    "sample": "hotcold.sampling.draw",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'hotcold' has no attribute '{name}'")
    return getattr(import_module(_MODULES.get(name, "hotcold.sampling.params")), name)

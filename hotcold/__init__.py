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
from typing import Any

_MODULES = {
    "DiffusionModel": "hotcold.models.model",
    "Scorer": "hotcold.metrics.scorer",
    "draw": "hotcold.sampling.draw",
    "sample": "hotcold.sampling.draw",
}


def _samplers() -> dict[str, Any]:
    """The blocks of all kinds of sampler, such as DDIM, by the names of their classes."""
    kinds = import_module("hotcold.models.kinds")
    blocks = [kinds.params("samplers", kind) for kind in kinds.names("samplers")]
    return {block.__name__: block for block in blocks}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    if name == "__all__":
        return [*_MODULES, *_samplers()]
    if not name.startswith("_") and name in (samplers := _samplers()):
        return samplers[name]
    raise AttributeError(f"module 'hotcold' has no attribute '{name}'")

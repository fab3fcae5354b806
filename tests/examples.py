"""One small model for each kind of process, network and sampler, by its name: a kind without an
example here fails tests/project/test_kinds.py."""

from __future__ import annotations

from typing import Any

RECIPE = {"learning_rate": 2.0e-3, "ema": 0.99, "warmup": 0.1, "stratified_t": True}
CNN = {"kind": "cnn", "hidden": [3]}
UNET = {"kind": "unet", "channels": [8, 8, 8]}
COLD = {"kind": "cold", "start": "validation"}
GREY = {"kind": "impulse", "rho": [0.0, 0.5], "T": 5, "levels": 4}


def model(
    degradation: dict[str, Any], network: dict[str, Any], predicts: str, sampler: dict[str, Any]
) -> dict[str, Any]:
    """The block of a model in params.yaml."""
    return {
        "degradation": degradation,
        "network": network | {"predicts": predicts},
        "training": RECIPE,
        "sampler": sampler,
    }


LINEAR = {"kind": "gaussian", "beta": [0.01, 0.5], "T": 6}
COSINE = {"kind": "gaussian", "schedule": "cosine", "T": 8}
DDIM = {"kind": "ddim", "steps": 4, "eta": 0.5}
MODELS: dict[str, dict[str, Any]] = {
    "ancestral": model(LINEAR, CNN, "eps", {"kind": "ancestral"}),
    "clipped": model(COSINE, CNN, "x_0", DDIM | {"clip": True}),
    "labels": model(COSINE, UNET | {"classes": 10}, "v", DDIM | {"guidance": 2.0}),
    "impulse": model({"kind": "impulse", "rho": [0.05, 0.25], "T": 5}, CNN, "x_0", COLD),
    "from_noise": model(
        {"kind": "impulse", "rho": [0.0, 0.5], "T": 5}, UNET, "x_0", COLD | {"start": "noise"}
    ),
    "grey": model(GREY, UNET, "categorical", {"kind": "categorical", "steps": 3, "eta": 0.2}),
    "masked": model(
        GREY | {"known_mask": True},
        UNET,
        "categorical",
        {"kind": "categorical", "steps": 3, "churn": 1.0},
    ),
    "blur": model({"kind": "blur", "std": 4.0, "T": 5}, CNN, "x_0", COLD | {"start": "train"}),
    "pixelation": model({"kind": "pixelation", "sides": [2, 4, 7]}, CNN, "x_0", COLD),
    "fading": model({"kind": "fading", "width": 9.0, "T": 5}, CNN, "x_0", COLD),
    "dissipation": model(
        {"kind": "dissipation", "std": [0.3, 20.0], "noise": 0.2, "T": 5},
        UNET,
        "x_0",
        {"kind": "inverse_dissipation"},
    ),
}

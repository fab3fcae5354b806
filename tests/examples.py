"""Small examples of every kind of process, network and sampler: a kind without one fails a test."""

from __future__ import annotations

from typing import Any

Block = dict[str, Any]

GREY: Block = {"kind": "impulse", "rho": (0.0, 0.5), "T": 5, "levels": 4}
PROCESSES: dict[str, Block] = {  # blocks, in each form that predicts something else
    "linear": {"kind": "gaussian", "beta": (0.01, 0.5), "T": 6},
    "cosine": {"kind": "gaussian", "schedule": "cosine", "T": 6},
    "flow": {"kind": "flow", "T": 6},
    "impulse": {"kind": "impulse", "rho": (0.05, 0.25), "T": 5},
    "grey": GREY,
    "masked": GREY | {"known_mask": True},
    "weighted": GREY | {"bound_weights": True},
    "blur": {"kind": "blur", "std": 3.0, "T": 6},
    "pixelation": {"kind": "pixelation", "sides": (2, 4, 7, 14)},
    "fading": {"kind": "fading", "width": 6.0, "T": 5},
    "dissipation": {"kind": "dissipation", "std": (0.3, 20.0), "noise": 0.1, "T": 5},
}
NETWORKS: dict[str, Block] = {  # blocks, but for what they predict
    "cnn": {"kind": "cnn", "hidden": (2,)},
    "unet": {"kind": "unet", "channels": (8, 8, 8)},
}
FIELDS: Block = {  # a field of a sampler -> another value than that of `complete`
    "steps": 3,
    "eta": 0.7,
    "churn": 2.0,
    "clip": True,
    "guidance": 3.0,
    "noise": 0.5,
    "start": "noise",
    "redrawn": 0.5,
    "overwritten": 0.5,
    "method": "heun",
    "order": 2,
    "temperature": 0.5,
    "guidance_interval": (0.0, 0.5),
    "autoguidance": {"checkpoint": 2, "weight": 2.0},
}


def model(process: Block, network: Block, predicts: str, sampler: Block, **recipe: float) -> Block:
    """The block of a model in params.yaml."""
    return {
        "degradation": process,
        "network": network | {"predicts": predicts},
        "training": {"learning_rate": 2.0e-3, "ema": 0.99, "warmup": 0.1, "stratified_t": True}
        | recipe,
        "sampler": sampler,
    }


CNN, UNET = NETWORKS["cnn"], NETWORKS["unet"]
COLD = {"kind": "cold", "start": "validation"}
DDIM = {"kind": "ddim", "steps": 4, "eta": 0.5}
DRAWS = {"kind": "categorical", "steps": 3}
NOISE_ALONE = PROCESSES["impulse"] | {"rho": (0.0, 0.5)}
LABELLED = UNET | {"classes": 10}
MODELS: dict[str, Block] = {  # that go through every stage
    "ancestral": model(
        PROCESSES["linear"],
        CNN,
        "eps",
        {"kind": "ancestral", "autoguidance": {"checkpoint": 1, "weight": 2.0}},
    ),
    "clipped": model(PROCESSES["cosine"], CNN, "x_0", DDIM | {"clip": True}),
    "labels": model(
        PROCESSES["cosine"], LABELLED, "v", DDIM | {"guidance": 2.0}, label_dropout=0.1
    ),
    "flow": model(PROCESSES["flow"], CNN, "velocity", {"kind": "ode", "steps": 3}),
    "impulse": model(PROCESSES["impulse"], CNN, "x_0", COLD),
    "from_noise": model(NOISE_ALONE, UNET, "x_0", COLD | {"start": "noise"}),
    "grey": model(PROCESSES["grey"], UNET, "categorical", DRAWS | {"eta": 0.2}),
    "masked": model(PROCESSES["masked"], UNET, "categorical", DRAWS | {"churn": 1.0}),
    "blur": model(PROCESSES["blur"], CNN, "x_0", COLD | {"start": "train"}),
    "pixelation": model(PROCESSES["pixelation"], CNN, "x_0", COLD),
    "fading": model(PROCESSES["fading"], CNN, "x_0", COLD),
    "dissipation": model(PROCESSES["dissipation"], UNET, "x_0", {"kind": "inverse_dissipation"}),
    "blurring": model(PROCESSES["dissipation"], CNN, "x_0", {"kind": "blurring", "steps": 3}),
}

"""What a network is trained to say of x_t.

- eps: the noise of a Gaussian process, equation 11; its default.
- x_0: the clean image, Algorithm 3; the default of every cold process.
- v: sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x_0 of a Gaussian process (Salimans and Ho 2022),
  of the same size at every t, and of use where nothing of the image is left.
- categorical: for each pixel of x_0 a logit for each of the grey levels of an impulse process.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from diffusion.models.degradations import Gaussian, Process, per_image


def of(process: Process, description: dict[str, Any]) -> str:
    """The prediction of a model: what its block or the description of its weights says, or else
    the default of its process."""
    default = "eps" if isinstance(process, Gaussian) else "x_0"
    return description.get("prediction") or default


def target(process: Process, prediction: str, x_0: Tensor, field: Tensor, t: Tensor) -> Tensor:
    """What is to be said at x_t, by mean squared error; images are (N, 1, H, W), t is (N,)."""
    if prediction == "x_0" or not isinstance(process, Gaussian):
        return x_0
    if prediction == "eps":
        return field
    return per_image(process.signal, t, x_0) * field - per_image(process.noise, t, x_0) * x_0

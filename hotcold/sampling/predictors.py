"""What samplers share: how they see a model, and the steps that they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from hotcold.numerics.pixels import HIGH, LOW

# (x_t, t) -> the estimate of `DiffusionModel.predict`, or of an oracle in a test; t: in 1..T
Predict = Callable[[Tensor, int], Tensor]
Watch = Callable[[str, int, Tensor], None]  # (set of images, t, x_t), with every state from T to 0
Sets = dict[str, Tensor]  # name of a set of images -> (N, 1, 28, 28)


def ignore(key: str, t: int, x_t: Tensor) -> None:
    """Watches nothing."""


def clipped(predict: Predict, process: Any) -> Predict:
    """The same prediction of eps_hat, but with x_0_hat, which it implies by equation 5, clipped to
    the range of pixels, as Ho et al. 2020 do in their code: an error of eps_hat near t = T, where
    alpha_bar is small, is a large error of x_0_hat. process: has `alpha_bar`."""
    alpha_bar = process.alpha_bar.tolist()

    def predict_clipped(x_t: Tensor, t: int) -> Tensor:
        signal, noise = alpha_bar[t] ** 0.5, (1 - alpha_bar[t]) ** 0.5
        x_0_hat = ((x_t - noise * predict(x_t, t)) / signal).clamp(LOW, HIGH)
        return (x_t - signal * x_0_hat) / noise

    return predict_clipped


def guided(predict: Callable[..., Tensor], label: Tensor, guidance: float) -> Predict:
    """Classifier-free guidance (Ho and Salimans 2022, equation 6): the prediction without a label
    plus `guidance` times its difference to that with the label, (N,).

    0: the label is not used; 1: no guidance, the prediction with the label; more: images that are
    more typical of it, and less diverse.
    """

    def predict_guided(x_t: Tensor, t: int) -> Tensor:
        if guidance == 1:
            return predict(x_t, t, label)
        without = predict(x_t, t)
        return without.lerp(predict(x_t, t, label), guidance) if guidance else without

    return predict_guided


def subset_of_steps(T: int, steps: int) -> list[int]:
    """`steps` step numbers from T down, evenly spaced over 1..T, then 0; consecutive ones differ
    by T // steps or one more. Raises ValueError unless 1 <= steps <= T."""
    if not 1 <= steps <= T:
        raise ValueError(f"steps is {steps}, must be in 1..{T}")
    return [round(T * k / steps) for k in range(steps, -1, -1)]

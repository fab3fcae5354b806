"""What samplers share: how they see a model, and the steps that they take."""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics.pixels import HIGH, LOW
from hotcold.runtime.errors import UserError
from hotcold.sampling.bases import GuidedParams, SamplerParams

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


def weaker(model: DiffusionModel, sampler: SamplerParams) -> DiffusionModel | None:
    """The earlier checkpoint by which a sampler guides a model, if it does. Raises UserError if it
    is missing or not earlier."""
    auto = sampler.autoguidance if isinstance(sampler, GuidedParams) else None
    epoch = model.description.get("epoch", math.inf)
    if auto and auto.checkpoint >= epoch:
        raise UserError(
            f"sampler.autoguidance.checkpoint is {auto.checkpoint}, must be less than {epoch}, the "
            "epoch of the model"
        )
    return model.checkpoint(auto.checkpoint) if auto else None


def guided(
    model: DiffusionModel,
    sampler: SamplerParams,
    labels: Tensor | None = None,
    earlier: DiffusionModel | None = None,
) -> Predict:
    """The prediction of a model with the guidance of a sampler, see `GuidedParams`. earlier: that
    of `weaker`.

    With the predictions p without labels and p_c with labels, (N,), classifier-free guidance g is
    p + g (p_c - p): 0 does without labels, 1 is p_c, and more makes images more typical of their
    labels and less diverse. The weight of Ho and Salimans (2022, equation 6) is g - 1.
    Autoguidance of weight w by the prediction q_c of an earlier checkpoint (Karras et al. 2024,
    equation 3) adds (w - 1) (p_c - q_c); all are without labels for a network that has none.
    """
    if not isinstance(sampler, GuidedParams):
        return model.predict
    excess = sampler.autoguidance.weight - 1 if sampler.autoguidance else 0.0
    known = () if labels is None or sampler.guidance == 0 else (labels,)

    def predict(x_t: Tensor, t: int) -> Tensor:
        plain = estimate = model.predict(x_t, t, *known)
        if sampler.guides(t, model.process.T):
            if known and sampler.guidance != 1:
                estimate = model.predict(x_t, t).lerp(plain, sampler.guidance)
            if earlier:
                estimate = estimate + excess * (plain - earlier.predict(x_t, t, *known))
        return estimate

    return predict

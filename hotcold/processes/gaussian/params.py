"""Hot diffusion: the block of Gaussian noise."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import pydantic

from hotcold.models.bases import MEAN_SQUARED, NetworkParams, Predicted, ProcessParams, Steps
from hotcold.runtime.params import Rate

SMALLEST = 1.2e-38  # normal number in float32
LEAST_SIGNAL = 1e-10  # an error of 0.01 in x_0, whose pixels range from -0.5 to 0.5
SAMPLERS = ("ancestral", "ddim")


class GaussianParams(ProcessParams):
    """Hot diffusion, equations 1-5: beta rises linearly from beta[0] to beta[1] in T steps, or
    the cosine schedule of Nichol and Dhariwal 2021."""

    label: ClassVar = "Gaussian"
    quantity: ClassVar = "remaining signal α"
    start: ClassVar = "Gaussian noise"
    is_share: ClassVar = True
    takes_labels: ClassVar = True
    shown: ClassVar = (0, 50, 100, 250, 500, 750, 999)  # as in figure 1
    shown_of: ClassVar = 1000
    names_clean: ClassVar = False
    predictions: ClassVar = {
        "eps": Predicted(SAMPLERS, "ε", "mean squared error of the noise"),
        "x_0": Predicted(SAMPLERS, "x₀", MEAN_SQUARED),
        "v": Predicted(SAMPLERS, "v", "mean squared error of v"),
    }

    kind: Literal["gaussian"]
    beta: tuple[Rate, Rate] | None = None
    schedule: Literal["cosine"] | None = None
    T: Steps

    @property
    def range(self) -> str:
        return " to ".join(map(str, self.beta)) if self.beta else str(self.schedule)

    @pydantic.field_validator("beta")
    @classmethod
    def _rises(cls, beta: tuple[float, float] | None) -> tuple[float, float] | None:
        if beta and beta[0] > beta[1]:
            raise ValueError(f"is {list(beta)}, must be [beta1, beta2] with beta1 <= beta2")
        return beta

    @pydantic.model_validator(mode="after")
    def _one_schedule(self) -> GaussianParams:
        if self.beta is None and self.schedule is None:
            raise ValueError("beta is missing, or schedule: cosine instead of it")
        if self.beta and self.schedule:
            raise ValueError(f"beta is {list(self.beta)}, must be absent with schedule: cosine")
        if not self.beta:
            return self
        first, last = self.beta
        if 1 - first == 1:  # every step must add noise in float64
            raise ValueError(f"beta starts at {first}, must be at least 1e-15: it adds no noise")
        if (left := self.least_alpha_bar) < SMALLEST:
            raise ValueError(
                f"beta is {[first, last]}, must be smaller for T = {self.T}: alpha_bar falls to "
                f"{left:.1e}, below {SMALLEST}, the smallest number that float32 has in full "
                "precision"
            )
        return self

    @property
    def least_alpha_bar(self) -> float:
        """alpha_bar at T of a linear schedule; 1 of another."""
        first, last = self.beta or (0.0, 0.0)
        step = (last - first) / self.T
        return math.exp(sum(math.log1p(-first - t * step) for t in range(self.T + 1)))

    def check(self, network: NetworkParams) -> None:
        """A sampler derives x_0 from the noise; float32 loses it if too little signal is left."""
        if network.predicts != "eps" and self.least_alpha_bar < LEAST_SIGNAL:
            raise ValueError(
                f"degradation.beta is {list(self.beta or ())}, must be smaller for T = {self.T} "
                f"and network.predicts '{network.predicts}': alpha_bar falls to "
                f"{self.least_alpha_bar:.1e}, must be at least {LEAST_SIGNAL}"
            )

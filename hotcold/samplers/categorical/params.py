"""The block of categorical draws."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.models.bases import ProcessParams
from hotcold.runtime.params import Count, Share
from hotcold.sampling.bases import SamplerParams


class Categorical(SamplerParams):
    """Draws of grey levels on a subset of the steps, for a categorical prediction.

    eta: the probability with which the noise of a pixel is drawn anew in each step. churn: instead
    of eta, how often that happens to a pixel on average over all steps, the name is that of Karras
    et al. (2022): eta is then churn / steps. As a pixel at density rho is replaced with probability
    2 rho, it is replaced anew about churn / 2 times. temperature: p(x_0 | x_t) is raised to its
    inverse; below 1, likely grey levels become likelier.
    """

    sets: ClassVar = {"categorical": "categorical draws"}
    leaves_out_steps: ClassVar = True

    kind: Literal["categorical"] = "categorical"
    steps: Count
    eta: Share = 0.0
    churn: Annotated[float, pydantic.Field(ge=0, exclude_if=lambda churn: not churn)] = 0.0
    temperature: Annotated[
        float, pydantic.Field(ge=0.01, le=10, exclude_if=lambda temperature: temperature == 1)
    ] = 1.0

    @pydantic.model_validator(mode="after")
    def _one_rate(self) -> Categorical:
        if self.eta and self.churn:
            raise ValueError(f"churn is {self.churn}, must be absent with eta")
        if self.churn > self.steps:
            raise ValueError(f"churn is {self.churn}, must not exceed steps, {self.steps}")
        return self

    @property
    def rate(self) -> float:
        """The share of pixels whose noise is drawn anew in each step."""
        return self.eta or self.churn / self.steps

    def does(self, process: ProcessParams) -> str:
        draws = "categorical draws of grey levels"
        return f"generates images from {process.start} alone by {draws}{self.how}"

    @property
    def words(self) -> list[str]:
        rate = f"churn = {self.churn:g}" if self.churn else f"η = {self.eta:g}"
        return [rate] if self.temperature == 1 else [rate, f"temperature {self.temperature:g}"]

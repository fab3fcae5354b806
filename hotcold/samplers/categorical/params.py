"""The block of categorical draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import pydantic

from hotcold.models.bases import ProcessParams
from hotcold.runtime.params import Count, Share
from hotcold.sampling.bases import SamplerParams, StepStudyParams


class Categorical(SamplerParams):
    """Draws of grey levels on a subset of the steps, for a categorical prediction.

    eta: the share of pixels that are degraded again in each step. churn: instead of eta, how often
    a pixel is degraded again on average over all steps, as in Karras et al. (2022): eta is then
    churn / steps.
    """

    sets: ClassVar = {"categorical": "categorical draws"}
    leaves_out_steps: ClassVar = True

    kind: Literal["categorical"] = "categorical"
    steps: Count
    eta: Share = 0.0
    churn: Annotated[float, pydantic.Field(ge=0, exclude_if=lambda churn: not churn)] = 0.0

    @pydantic.model_validator(mode="after")
    def _one_rate(self) -> Categorical:
        if self.eta and self.churn:
            raise ValueError(f"churn is {self.churn}, must be absent with eta")
        if self.churn > self.steps:
            raise ValueError(f"churn is {self.churn}, must not exceed steps, {self.steps}")
        return self

    @property
    def rate(self) -> float:
        """The share of pixels that are degraded again in each step."""
        return self.eta or self.churn / self.steps

    @classmethod
    def study(
        cls, grid: StepStudyParams, classes: int, guidances: Sequence[float]
    ) -> Iterator[Categorical]:
        """Every number of steps with every eta, and with every churn that it allows."""
        for steps in grid.steps:
            yield from (cls(steps=steps, eta=eta) for eta in grid.etas)
            yield from (cls(steps=steps, churn=churn) for churn in grid.churns if churn <= steps)

    def setting(self) -> dict[str, Any]:
        return self.model_dump(exclude={"kind"}) | {"clip": False}

    def does(self, process: ProcessParams) -> str:
        draws = "categorical draws of grey levels"
        return f"generates images from {process.start} alone by {draws}{self.how}"

    @property
    def how(self) -> str:
        rate = f"churn = {self.churn:g}" if self.churn else f"η = {self.eta:g}"
        return f", in {self.steps} steps with {rate}"

"""The block of DDIM."""

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.runtime.params import Count, Share
from hotcold.sampling.bases import Clip, GuidedParams


class DDIM(GuidedParams):
    """DDIM on a subset of the steps, for a Gaussian process; eta 0 is deterministic. order: 2
    extrapolates the estimate of x_0 from that of the step before. clip: see
    `predictors.clipped`."""

    sets: ClassVar = {"ddim": "DDIM"}
    leaves_out_steps: ClassVar = True

    kind: Literal["ddim"] = "ddim"
    steps: Count
    eta: Share = 0.0
    order: Annotated[int, pydantic.Field(ge=1, le=2, exclude_if=lambda order: order == 1)] = 1
    clip: Clip = False

    @property
    def words(self) -> list[str]:
        order = ["order 2"] if self.order == 2 else []
        return [f"η = {self.eta:g}", *order, *(["clipped"] if self.clip else []), *super().words]

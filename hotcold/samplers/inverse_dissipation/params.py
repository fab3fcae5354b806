"""The block of inverse heat dissipation."""

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.models.bases import ProcessParams
from hotcold.sampling.bases import SamplerParams


class InverseDissipation(SamplerParams):
    """Inverse heat dissipation over all T steps, for blur with noise. noise: the standard deviation
    of the noise that each step adds, as a multiple of that of the process."""

    sets: ClassVar = {"inverse_dissipation": "inverse heat dissipation"}
    serves: ClassVar = {"dissipation": ("x_0",)}

    kind: Literal["inverse_dissipation"] = "inverse_dissipation"
    noise: Annotated[float, pydantic.Field(ge=0, le=10)] = 1.25

    def does(self, process: ProcessParams) -> str:
        return f"generates images from {process.start}"

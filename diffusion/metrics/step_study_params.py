"""Section `step_study`: strided sampling at other numbers of steps, and with other noise."""

from __future__ import annotations

from typing import Annotated

import pydantic

from diffusion.runtime.params import Count, Section

Eta = Annotated[float, pydantic.Field(ge=0, le=1)]


class StepStudy(Section):
    """Every number of steps with every eta; as many images as `sampling.images`, because scores
    compare only at the same N."""

    steps: Annotated[tuple[Count, ...], pydantic.Field(min_length=1)]
    etas: Annotated[tuple[Eta, ...], pydantic.Field(min_length=1)]

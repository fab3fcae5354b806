"""Section `figures`: looks only; nothing here changes a number."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from diffusion.runtime.params import Count, Section


class Figures(Section):
    """dpi of the PNGs; loss_scale of the y axis; examples of each digit in figure 15.

    wall_clock: show the measured times of training, without which the same results give the same
    report to the byte.
    """

    dpi: Annotated[int, pydantic.Field(ge=50, le=600)]
    loss_scale: Literal["linear", "log"]
    examples_per_digit: Count
    wall_clock: bool

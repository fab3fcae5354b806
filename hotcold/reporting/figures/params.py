"""Section `figures`: the appearance of figures and report; nothing here changes a number."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from hotcold.runtime.params import Section


class FiguresParams(Section):
    """dpi: of the PNG files. loss_scale: of the y axis. examples_per_digit: in figure 15."""

    dpi: Annotated[int, pydantic.Field(ge=50, le=600)]
    loss_scale: Literal["linear", "log"]
    examples_per_digit: Annotated[int, pydantic.Field(ge=1, le=100)]

"""The block of pixelation."""

from typing import ClassVar, Literal

import pydantic

from hotcold.models.bases import MEAN_SQUARED, Predicted, ProcessParams


class PixelationParams(ProcessParams):
    """Squares of one grey, with these sides in pixels at steps 1, 2, ...; each divides 28."""

    label: ClassVar = "pixelation"
    quantity: ClassVar = "side of a square in pixels"
    start: ClassVar = "large squares of one grey"
    from_noise_alone: ClassVar = False
    predictions: ClassVar = {"x_0": Predicted(("cold",), "x₀", MEAN_SQUARED)}

    kind: Literal["pixelation"]
    sides: tuple[int, ...]

    @property
    def T(self) -> int:
        return len(self.sides)

    @property
    def range(self) -> str:
        return f"{', '.join(map(str, self.sides))} pixels"

    @pydantic.field_validator("sides")
    @classmethod
    def _fit(cls, sides: tuple[int, ...]) -> tuple[int, ...]:
        rises = sorted(set(sides)) == list(sides)
        if len(sides) < 2 or not rises or not set(sides) <= {2, 4, 7, 14, 28}:
            raise ValueError(f"is {list(sides)}, must be two or more of 2, 4, 7, 14, 28, rising")
        return sides

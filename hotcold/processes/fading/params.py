"""The block of a dark spot that spreads."""

from typing import ClassVar, Literal

from hotcold.models.bases import MEAN_SQUARED, Predicted, ProcessParams, Spread, Steps


class FadingParams(ProcessParams):
    """A dark spot at a random position; its width rises linearly to width pixels."""

    label: ClassVar = "fading"
    quantity: ClassVar = "width in pixels"
    start: ClassVar = "an image with a dark spot"
    from_noise_alone: ClassVar = False
    predictions: ClassVar = {"x_0": Predicted(("cold",), "x₀", MEAN_SQUARED)}

    kind: Literal["fading"]
    width: Spread
    T: Steps

    @property
    def range(self) -> str:
        return f"0 to {self.width} pixels"

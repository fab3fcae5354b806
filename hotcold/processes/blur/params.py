"""The block of Gaussian blur."""

from typing import ClassVar, Literal

from hotcold.models.bases import MEAN_SQUARED, Predicted, ProcessParams, Spread, Steps


class BlurParams(ProcessParams):
    """Gaussian blur; the kernel's standard deviation rises linearly to std pixels."""

    label: ClassVar = "blur"
    quantity: ClassVar = "standard deviation in pixels"
    start: ClassVar = "a blurred image"
    from_noise_alone: ClassVar = False
    predictions: ClassVar = {"x_0": Predicted(("cold",), "x₀", MEAN_SQUARED)}

    kind: Literal["blur"]
    std: Spread
    T: Steps

    @property
    def range(self) -> str:
        return f"0 to {self.std} pixels"

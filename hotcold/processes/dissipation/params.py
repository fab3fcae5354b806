"""The block of blur with noise."""

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.models.bases import MEAN_SQUARED, Predicted, ProcessParams, Spread, Steps

FirstSpread = Annotated[float, pydantic.Field(ge=0.1, le=28)]


class DissipationParams(ProcessParams):
    """Gaussian blur plus Gaussian noise, as in inverse heat dissipation; the kernel's standard
    deviation rises from std[0] to std[1] pixels on a logarithmic scale, that of the noise is the
    same at every step. Pixels are in [-0.5, 0.5]."""

    label: ClassVar = "blur and noise"
    quantity: ClassVar = "standard deviation of the blur in pixels"
    predictions: ClassVar = {"x_0": Predicted(("blurring",), "x₀", MEAN_SQUARED)}

    kind: Literal["dissipation"]
    std: tuple[FirstSpread, Spread]
    noise: Annotated[float, pydantic.Field(ge=0, le=1)]
    T: Steps

    @property
    def start(self) -> str:
        noise = ", plus noise" if self.noise else ""
        return f"uniform grey ones, as bright as training images{noise}"

    @property
    def range(self) -> str:
        return f"{self.std[0]} to {self.std[1]} pixels, noise {self.noise}"

    @pydantic.field_validator("std")
    @classmethod
    def _rises(cls, std: tuple[float, float]) -> tuple[float, float]:
        if std[0] >= std[1]:
            raise ValueError(f"is {list(std)}, must be [first, last] with first < last")
        return std

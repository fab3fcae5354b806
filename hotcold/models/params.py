"""The blocks `degradation` and `network` of a model in params.yaml."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

import pydantic

from hotcold.runtime.params import Rate, Section, load, read, validate

RESERVED = ("classifier", "real")  # keys of the metrics, next to the models


def _check_name(name: str) -> str:
    """Names become folders, arguments on a command line, and keys of the metrics."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(
            "is not a valid name of a model, must be a letter, then up to 63 letters, digits, "
            "_ or -"
        )
    if name in RESERVED:
        raise ValueError(
            f"is not a valid name of a model, must not be {' or '.join(RESERVED)}: "
            "the metrics have these keys"
        )
    return name


Name = Annotated[str, pydantic.AfterValidator(_check_name)]
Steps = Annotated[int, pydantic.Field(ge=2, le=10_000)]
LEAST_DENSITY = 0.001
Density = Annotated[float, pydantic.Field(ge=0, le=0.5)]
Width = Annotated[int, pydantic.Field(ge=1, le=1024)]
Spread = Annotated[float, pydantic.Field(ge=0.5, le=28)]  # in pixels; less is hardly visible
FirstSpread = Annotated[float, pydantic.Field(ge=0.1, le=28)]
Channels = Annotated[int, pydantic.Field(ge=8, le=1024, multiple_of=8)]
# Absent from dumps unless it is true, so that a description without it stays as it is.
Flag = Annotated[bool, pydantic.Field(exclude_if=lambda value: not value)]
SMALLEST = 1.2e-38  # normal number in float32


class GaussianParams(Section):
    """Hot diffusion, equations 1-5: beta rises linearly from beta[0] to beta[1] in T steps, or
    the cosine schedule of Nichol and Dhariwal 2021."""

    kind: Literal["gaussian"]
    beta: tuple[Rate, Rate] | None = None
    schedule: Literal["cosine"] | None = None
    T: Steps

    @pydantic.field_validator("beta")
    @classmethod
    def _rises(cls, beta: tuple[float, float] | None) -> tuple[float, float] | None:
        if beta and beta[0] > beta[1]:
            raise ValueError(f"is {list(beta)}, must be [beta1, beta2] with beta1 <= beta2")
        return beta

    @pydantic.model_validator(mode="after")
    def _one_schedule(self) -> GaussianParams:
        if self.beta is None and self.schedule is None:
            raise ValueError("beta is missing, or schedule: cosine instead of it")
        if self.beta and self.schedule:
            raise ValueError(f"beta is {list(self.beta)}, must be absent with schedule: cosine")
        if self.beta:
            self._check_range(*self.beta)
        return self

    def _check_range(self, first: float, last: float) -> None:
        """Every step must add noise in float64, and alpha_bar must remain a float32."""
        if 1 - first == 1:
            raise ValueError(f"beta starts at {first}, must be at least 1e-15: it adds no noise")
        step = (last - first) / self.T
        alpha_bar = math.exp(sum(math.log1p(-first - t * step) for t in range(1, self.T + 1)))
        if alpha_bar < SMALLEST:
            raise ValueError(
                f"beta is {[first, last]}, must be smaller for T = {self.T}: alpha_bar falls to "
                f"{alpha_bar:.1e}, below {SMALLEST}, the smallest number that float32 has in full "
                "precision"
            )


class ImpulseParams(Section):
    """Cold diffusion, equations 16-17: the density rises on a cosine from rho[0] to rho[1]; at
    0.5 every pixel is replaced. levels: grey levels, for a categorical prediction. known_mask:
    whether the network also sees which pixels are replaced."""

    kind: Literal["impulse"]
    rho: tuple[Density, Density]
    T: Steps
    levels: Annotated[int, pydantic.Field(ge=2, le=256)] | None = None
    known_mask: Flag = False

    @pydantic.field_validator("rho")
    @classmethod
    def _rises(cls, rho: tuple[float, float]) -> tuple[float, float]:
        if rho[0] > rho[1] or rho[1] < LEAST_DENSITY:
            raise ValueError(
                f"is {list(rho)}, must be [rho_start, rho_end] with rho_start <= rho_end, and "
                f"rho_end at least {LEAST_DENSITY}: less is not one pixel of an image"
            )
        return rho


class BlurParams(Section):
    """Gaussian blur; the kernel's standard deviation rises linearly to std pixels."""

    kind: Literal["blur"]
    std: Spread
    T: Steps


class PixelationParams(Section):
    """Squares of one grey, with these sides in pixels at steps 1, 2, ...; each divides 28."""

    kind: Literal["pixelation"]
    sides: tuple[int, ...]

    @pydantic.field_validator("sides")
    @classmethod
    def _fit(cls, sides: tuple[int, ...]) -> tuple[int, ...]:
        rises = sorted(set(sides)) == list(sides)
        if len(sides) < 2 or not rises or not set(sides) <= {2, 4, 7, 14, 28}:
            raise ValueError(f"is {list(sides)}, must be two or more of 2, 4, 7, 14, 28, rising")
        return sides

    @property
    def T(self) -> int:
        return len(self.sides)


class DissipationParams(Section):
    """Gaussian blur plus Gaussian noise, as in inverse heat dissipation; the kernel's standard
    deviation rises from std[0] to std[1] pixels on a logarithmic scale, that of the noise is the
    same at every step. Pixels are in [-0.5, 0.5]."""

    kind: Literal["dissipation"]
    std: tuple[FirstSpread, Spread]
    noise: Annotated[float, pydantic.Field(ge=0, le=1)]
    T: Steps

    @pydantic.field_validator("std")
    @classmethod
    def _rises(cls, std: tuple[float, float]) -> tuple[float, float]:
        if std[0] >= std[1]:
            raise ValueError(f"is {list(std)}, must be [first, last] with first < last")
        return std


class FadingParams(Section):
    """A dark spot at a random position; its width rises linearly to width pixels."""

    kind: Literal["fading"]
    width: Spread
    T: Steps


Predicts = Literal["eps", "x_0", "v", "categorical"]


class CnnParams(Section):
    """The network of the published report with 7x7 convolutions, section 1.1.2."""

    kind: Literal["cnn"]
    hidden: Annotated[tuple[Width, ...], pydantic.Field(min_length=1, max_length=32)]
    dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0
    predicts: Predicts


class UnetParams(Section):
    """A U-Net of 3x3 convolutions; channels at 28, 14 and 7 pixels. classes: of images, if the
    network gets the label of each; MNIST has 10."""

    kind: Literal["unet"]
    channels: tuple[Channels, Channels, Channels]
    classes: Literal[10] | None = None
    predicts: Predicts


Degradation = Annotated[
    GaussianParams
    | ImpulseParams
    | BlurParams
    | PixelationParams
    | FadingParams
    | DissipationParams,
    pydantic.Field(discriminator="kind"),
]
Network = Annotated[CnnParams | UnetParams, pydantic.Field(discriminator="kind")]


class DesignParams(Section):
    """What a model is: its degradation and its network (tables 1 and 3).

    predicts: see `hotcold.models.model.DiffusionModel`.
    """

    degradation: Degradation
    network: Network

    def block(self) -> dict[str, Any]:
        """The blocks as `DiffusionModel.build` takes them, without keys that are not set."""
        return self.model_dump(mode="json", include={"degradation", "network"}, exclude_none=True)

    @property
    def from_noise_alone(self) -> bool:
        """Whether nothing of an image is left at step T, or nothing but its mean brightness."""
        degradation = self.degradation
        if isinstance(degradation, ImpulseParams):
            return degradation.rho[1] == 0.5
        return degradation.kind in ("gaussian", "dissipation")

    @pydantic.model_validator(mode="after")
    def _prediction_fits(self) -> DesignParams:
        kind, predicts = self.degradation.kind, self.network.predicts
        allowed = {"gaussian": ("eps", "x_0", "v"), "impulse": ("x_0", "categorical")}
        words = " or ".join(f"'{each}'" for each in allowed.get(kind, ("x_0",)))
        if predicts not in allowed.get(kind, ("x_0",)):
            raise ValueError(
                f"network.predicts is {predicts!r}, must be {words} for {kind} degradation"
            )
        if isinstance(self.degradation, ImpulseParams):
            self._levels_fit(self.degradation)
        if self.classes and kind != "gaussian":
            raise ValueError(
                f"network.classes is {self.classes}, must be absent for {kind} degradation"
            )
        return self

    @property
    def classes(self) -> int:
        """How many labels the network knows; 0 if it gets none."""
        return self.network.classes or 0 if isinstance(self.network, UnetParams) else 0

    def _levels_fit(self, degradation: ImpulseParams) -> None:
        levels, end = degradation.levels, degradation.rho[1]
        if self.network.predicts != "categorical":
            if levels:
                raise ValueError(
                    f"degradation.levels is {levels}, must be absent unless "
                    "network.predicts is 'categorical'"
                )
            if degradation.known_mask:
                raise ValueError(
                    "degradation.known_mask is True, must be absent unless "
                    "network.predicts is 'categorical'"
                )
            return
        if not levels:
            raise ValueError("degradation.levels is missing: a categorical prediction needs it")
        if degradation.known_mask and levels % 2:
            raise ValueError(
                f"degradation.levels is {levels}, must be even with known_mask: the value of a "
                "replaced pixel is half-way between the two middle levels"
            )
        if end < 0.5:
            raise ValueError(
                f"degradation.rho ends at {end}, must end at 0.5 for a categorical prediction, "
                "whose sampler starts from noise alone"
            )
        if self.network.kind == "cnn":
            raise ValueError("network.kind is 'cnn', must be 'unet' for a categorical prediction")


def read_design(model: str) -> DesignParams:
    """The degradation and the network of one model. Raises UserError for a wrong value."""
    blocks = {
        "degradation": read(f"models.{model}.degradation", Degradation),
        "network": read(f"models.{model}.network", Network),
    }
    return validate(blocks, DesignParams, prefix=("models", model))


def read_designs() -> dict[str, DesignParams]:
    """The degradation and the network of every model, in the order of params.yaml."""
    return {name: read_design(name) for name in load().get("models", {})}

"""Section `models`: one block a model. A new block is a new model; nothing else is needed."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pydantic

from diffusion.runtime.params import Count, Rate, Section


def _is_a_name(name: str) -> str:
    """Names become folders and files, words of a command line, and keys beside other keys."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(
            "is no name of a model, must be a letter, then up to 63 letters, digits, _ or -"
        )
    if name in NOT_MODELS:
        raise ValueError(
            f"is no name of a model, must be none of {', '.join(NOT_MODELS)}: "
            "metrics.json uses them"
        )
    return name


Name = Annotated[str, pydantic.AfterValidator(_is_a_name)]
NOT_MODELS = ("classifier", "real")


Steps = Annotated[int, pydantic.Field(ge=2)]


class Gaussian(Section):
    """Hot diffusion, equations 1-5: beta rises linearly from beta[0] to beta[1] in T steps; or
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
    def _one(self) -> Gaussian:
        if self.beta is None and self.schedule is None:
            raise ValueError("beta is missing, or schedule: cosine in its place")
        if self.beta and self.schedule:
            raise ValueError(f"beta is {list(self.beta)}, must be absent beside schedule: cosine")
        return self


Density = Annotated[float, pydantic.Field(ge=0, le=0.5)]


class Impulse(Section):
    """Cold diffusion, equations 16-17: the density rises on a cosine from rho[0] to rho[1]; at
    0.5 every pixel is replaced. levels: grey levels, for a categorical prediction."""

    kind: Literal["impulse"]
    rho: tuple[Density, Density]
    T: Steps
    levels: Annotated[int, pydantic.Field(ge=2, le=256)] | None = None

    @pydantic.field_validator("rho")
    @classmethod
    def _rises(cls, rho: tuple[float, float]) -> tuple[float, float]:
        if rho[0] > rho[1] or rho[1] == 0:
            raise ValueError(
                f"is {list(rho)}, must be [rho_start, rho_end] with rho_start <= rho_end, not 0"
            )
        return rho


class Blur(Section):
    """Gaussian blur; the kernel's standard deviation rises evenly to std pixels."""

    kind: Literal["blur"]
    std: Annotated[float, pydantic.Field(gt=0, le=28)]
    T: Steps


class Pixelation(Section):
    """Squares of one grey, of these sides in pixels at steps 1, 2, ...; each divides 28."""

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


class Fading(Section):
    """A dark spot at a random place; its width rises evenly to width pixels."""

    kind: Literal["fading"]
    width: Annotated[float, pydantic.Field(gt=0, le=28)]
    T: Steps


class Cnn(Section):
    """The report's network of 7x7 convolutions, section 1.1.2."""

    kind: Literal["cnn"]
    hidden: Annotated[tuple[Count, ...], pydantic.Field(min_length=1)]
    dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0


Channels = Annotated[int, pydantic.Field(ge=8, multiple_of=8)]


class Unet(Section):
    """A U-Net of 3x3 convolutions; channels at 28, 14 and 7 pixels."""

    kind: Literal["unet"]
    channels: tuple[Channels, Channels, Channels]


class Ema(Section):
    """The average of the weights is what is validated, kept and sampled."""

    decay: Rate


class Annealing(Section):
    """The learning rate falls on a cosine to 0 over the budget, after a linear rise over the
    share `warmup` of its steps."""

    warmup: Annotated[float, pydantic.Field(ge=0, lt=1)]


class Plateau(Section):
    """ReduceLROnPlateau on the validation loss; patience in epochs."""

    factor: Rate
    patience: Annotated[int, pydantic.Field(ge=0)]


class Model(Section):
    """Tables 1 and 3. The optimiser is Adam.

    What follows the plateau is the recipe: each part is off where it is not named.
    prediction: eps, x_0, v or categorical (diffusion/models/predictions.py); by default eps for
    Gaussian noise and x_0 for everything else.
    """

    degradation: Annotated[
        Gaussian | Impulse | Blur | Pixelation | Fading, pydantic.Field(discriminator="kind")
    ]
    network: Annotated[Cnn | Unet, pydantic.Field(discriminator="kind")]
    learning_rate: Rate
    plateau: Plateau | None = None
    prediction: Literal["eps", "x_0", "v", "categorical"] | None = None
    ema: Ema | None = None
    annealing: Annealing | None = None
    stratified_t: bool = False

    @property
    def predicts(self) -> str:
        """The prediction, also where it is the default."""
        return self.prediction or ("eps" if self.degradation.kind == "gaussian" else "x_0")

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Model:
        kind = self.degradation.kind
        categorical = self.prediction == "categorical"
        known = {"gaussian": ("eps", "x_0", "v"), "impulse": ("x_0", "categorical")}
        allowed = known.get(kind, ("x_0",))
        if self.prediction and self.prediction not in allowed:
            words = " or ".join(f"'{each}'" for each in allowed)
            raise ValueError(
                f"prediction is {self.prediction!r}, must be {words} for {kind} degradation"
            )
        if isinstance(self.degradation, Impulse):
            levels, end = self.degradation.levels, self.degradation.rho[1]
            if categorical and not levels:
                raise ValueError("degradation.levels is missing: a categorical prediction needs it")
            if levels and not categorical:
                raise ValueError(
                    f"degradation.levels is {levels}, must be absent without "
                    "prediction: categorical"
                )
            if categorical and end < 0.5:
                raise ValueError(
                    f"degradation.rho ends at {end}, must end at 0.5 with prediction: "
                    "categorical, which starts from nothing of an image"
                )
            if categorical and self.network.kind == "cnn":
                raise ValueError(
                    "network.kind is 'cnn', must be 'unet' with prediction: categorical"
                )
        if self.plateau and self.annealing:
            raise ValueError("annealing is there, must be absent beside plateau")
        return self


Models = Annotated[dict[Name, Model], pydantic.Field(min_length=1)]

"""Section `models`: one block a model. A new block is a new model; nothing else is needed."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pydantic

from stages.params.reader import Count, Rate, Section


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


class Gaussian(Section):
    """Hot diffusion, equations 1-5: beta rises linearly from beta[0] to beta[1] in T steps."""

    kind: Literal["gaussian"]
    beta: tuple[Rate, Rate]
    T: Annotated[int, pydantic.Field(ge=2)]

    @pydantic.field_validator("beta")
    @classmethod
    def _rises(cls, beta: tuple[float, float]) -> tuple[float, float]:
        if beta[0] > beta[1]:
            raise ValueError(f"is {list(beta)}, must be [beta1, beta2] with beta1 <= beta2")
        return beta


Density = Annotated[float, pydantic.Field(gt=0, le=0.5)]


class Impulse(Section):
    """Cold diffusion, equations 16-17: the density rises on a cosine from rho[0] to rho[1]."""

    kind: Literal["impulse"]
    rho: tuple[Density, Density]
    T: Annotated[int, pydantic.Field(ge=2)]

    @pydantic.field_validator("rho")
    @classmethod
    def _rises(cls, rho: tuple[float, float]) -> tuple[float, float]:
        if rho[0] > rho[1]:
            raise ValueError(
                f"is {list(rho)}, must be [rho_start, rho_end] with rho_start <= rho_end"
            )
        return rho


class Cnn(Section):
    """The report's network of 7x7 convolutions, section 1.1.2."""

    kind: Literal["cnn"]
    hidden: Annotated[tuple[Count, ...], pydantic.Field(min_length=1)]
    dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0


class Plateau(Section):
    """ReduceLROnPlateau on the validation loss; patience in epochs."""

    factor: Rate
    patience: Annotated[int, pydantic.Field(ge=0)]


class Model(Section):
    """Tables 1 and 3. The optimiser is Adam."""

    degradation: Annotated[Gaussian | Impulse, pydantic.Field(discriminator="kind")]
    network: Cnn
    learning_rate: Rate
    plateau: Plateau | None = None


Models = Annotated[dict[Name, Model], pydantic.Field(min_length=1)]

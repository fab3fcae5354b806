"""The block of the published network."""

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.models.bases import NetworkParams

Width = Annotated[int, pydantic.Field(ge=1, le=1024)]


class CnnParams(NetworkParams):
    """The network of the published report with 7x7 convolutions, section 1.1.2."""

    one_channel: ClassVar = True

    kind: Literal["cnn"]
    hidden: Annotated[tuple[Width, ...], pydantic.Field(min_length=1, max_length=32)]
    dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0

    @property
    def size(self) -> str:
        return ", ".join(map(str, self.hidden))

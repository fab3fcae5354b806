"""The block of a small MLP-Mixer."""

from typing import Annotated, Literal

import pydantic

from hotcold.models.bases import NetworkParams


class MixerParams(NetworkParams):
    """An MLP-Mixer on squares of 4 x 4 pixels: `blocks` of it, with `width` channels."""

    kind: Literal["mixer"]
    width: Annotated[int, pydantic.Field(ge=8, le=1024)]
    blocks: Annotated[int, pydantic.Field(ge=1, le=32)]

    @property
    def size(self) -> str:
        return f"Mixer: {self.blocks} blocks of width {self.width}"

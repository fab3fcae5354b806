"""The block of a small U-Net."""

from typing import Annotated, Literal

import pydantic

from hotcold.models.bases import NetworkParams

Channels = Annotated[int, pydantic.Field(ge=8, le=1024, multiple_of=8)]


class UnetParams(NetworkParams):
    """A U-Net of 3x3 convolutions; channels at 28, 14 and 7 pixels. classes: of images, if the
    network gets the label of each; MNIST has 10."""

    kind: Literal["unet"]
    channels: tuple[Channels, Channels, Channels]
    classes: Literal[10] | None = None

    @property
    def size(self) -> str:
        return f"U-Net: {', '.join(map(str, self.channels))}"

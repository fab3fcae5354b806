"""What the blocks `degradation` and `network` of every kind have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import pydantic

from hotcold.runtime.params import Section

Steps = Annotated[int, pydantic.Field(ge=2, le=10_000)]
Spread = Annotated[float, pydantic.Field(ge=0.5, le=28)]  # in pixels; less is hardly visible
# Absent from dumps unless it is true, so that a description without it stays as it is.
Flag = Annotated[bool, pydantic.Field(exclude_if=lambda value: not value)]
MEAN_SQUARED = "mean squared error of the clean image"


@dataclass(frozen=True)
class Predicted:
    """What a network may predict: the samplers that use it (others can serve it too, see
    `SamplerParams`), its symbol, and the name of its loss. Losses of different names cannot be
    compared."""

    samplers: tuple[str, ...]
    symbol: str
    loss: str

    def __post_init__(self) -> None:
        if not isinstance(self.samplers, tuple):
            raise TypeError(f"samplers is {self.samplers!r}, must be a tuple of kinds")


class ProcessParams(Section):
    """The block `degradation` of one kind of process: `kind`, `T` (the number of steps) and others.

    label: an adjective, as in `Gaussian degradation`. quantity: what the schedule sets.
    is_share: the schedule is a share, not a length. predictions: what the network may predict, by
    the name in params.yaml. start: what the reverse process starts from, in words. takes_labels:
    whether its network may have classes. shown: the steps t of the figure, of a process with
    `shown_of` steps. names_clean: the figure calls the image at t = 0 clean instead of giving the
    value of the schedule. starts_from_noise: whether a cold sampler can start from noise alone.
    range: that of the schedule, or its name, in words.
    """

    required: ClassVar = ("label", "quantity", "predictions", "start", "range", "T")
    label: ClassVar[str]
    quantity: ClassVar[str]
    predictions: ClassVar[Mapping[str, Predicted]]
    is_share: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    shown: ClassVar[tuple[int, ...]] = (0, 25, 50, 75, 100, 125, 149)  # as in figure 8
    shown_of: ClassVar[int] = 150
    names_clean: ClassVar[bool] = True
    starts_from_noise: ClassVar[bool] = False

    if TYPE_CHECKING:
        kind: str

        @property
        def T(self) -> int: ...

        @property
        def range(self) -> str: ...

        @property
        def start(self) -> str: ...

    @property
    def from_noise_alone(self) -> bool:
        """Whether nothing of an image is left at step T, or nothing but its mean brightness."""
        return True

    @property
    def left(self) -> str:
        """What of an image is left at step T, in words."""
        return f"after {self.kind}"

    @property
    def kept(self) -> float | None:
        """The share of pixels in % that survive at step T; None if it has no such share."""
        return None

    @property
    def sees(self) -> str:
        """What the network gets besides x_t and t, in words; nothing by default."""
        return ""

    def check(self, network: NetworkParams) -> None:
        """Raises ValueError, with the key, if a network does not fit this process."""


class NetworkParams(Section):
    """The block `network` of one kind of network: `kind`, `predicts` and others.

    size: the sizes of its layers, in words. one_channel: the output has one channel, so that it
    cannot be a distribution of grey levels.
    """

    required: ClassVar = ("size",)
    one_channel: ClassVar[bool] = False

    predicts: str

    if TYPE_CHECKING:
        kind: str

        @property
        def size(self) -> str: ...

    @property
    def known_classes(self) -> int:
        """How many labels the network knows; 0 if it gets none."""
        return getattr(self, "classes", None) or 0

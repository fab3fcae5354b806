"""Cold diffusion: the block of impulse noise."""

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.models.bases import MEAN_SQUARED, Flag, NetworkParams, Predicted, ProcessParams, Steps

LEAST_DENSITY = 0.001
Density = Annotated[float, pydantic.Field(ge=0, le=0.5)]


class ImpulseParams(ProcessParams):
    """Cold diffusion, equations 16-17: the density rises on a cosine from rho[0] to rho[1]; at
    0.5 every pixel is replaced. levels: grey levels, for a categorical prediction. known_mask:
    whether the network also sees which pixels are replaced. bound_weights: the loss of a
    categorical prediction has the weights of the variational bound, as it always has with a known
    mask."""

    label: ClassVar = "impulse"
    quantity: ClassVar = "density ρ"
    is_share: ClassVar = True
    starts_from_noise: ClassVar = True
    predictions: ClassVar = {
        "x_0": Predicted(("cold",), "x₀", MEAN_SQUARED),
        "categorical": Predicted(("categorical",), "categorical", "cross-entropy of grey levels"),
    }

    kind: Literal["impulse"]
    rho: tuple[Density, Density]
    T: Steps
    levels: Annotated[int, pydantic.Field(ge=2, le=256)] | None = None
    known_mask: Flag = False
    bound_weights: Flag = False

    @property
    def from_noise_alone(self) -> bool:
        return self.rho[1] == 0.5

    @property
    def range(self) -> str:
        levels = f", {self.levels} levels" if self.levels else ""
        return " to ".join(map(str, self.rho)) + levels

    @property
    def start(self) -> str:
        return "masked pixels" if self.known_mask else "salt-and-pepper noise"

    @property
    def left(self) -> str:
        kept = self.kept
        return f"in which {kept:.0f} % of the pixels survive" if kept else f"after {self.kind}"

    @property
    def kept(self) -> float:
        return 100 - 200 * self.rho[1]

    @property
    def sees(self) -> str:
        return "the mask" if self.known_mask else ""

    @pydantic.field_validator("rho")
    @classmethod
    def _rises(cls, rho: tuple[float, float]) -> tuple[float, float]:
        if rho[0] > rho[1] or rho[1] < LEAST_DENSITY:
            raise ValueError(
                f"is {list(rho)}, must be [rho_start, rho_end] with rho_start <= rho_end, and "
                f"rho_end at least {LEAST_DENSITY}: less is not one pixel of an image"
            )
        return rho

    def check(self, network: NetworkParams) -> None:
        """The grey levels, the mask and the density must fit what the network predicts."""
        if network.predicts != "categorical":
            for key in ("levels", "known_mask", "bound_weights"):
                if value := getattr(self, key):
                    raise ValueError(
                        f"degradation.{key} is {value}, must be absent unless "
                        "network.predicts is 'categorical'"
                    )
            return
        if not self.levels:
            raise ValueError("degradation.levels is missing: a categorical prediction needs it")
        if self.known_mask and self.levels % 2:
            raise ValueError(
                f"degradation.levels is {self.levels}, must be even with known_mask: the value of "
                "a replaced pixel is half-way between the two middle levels"
            )
        if not self.from_noise_alone:
            raise ValueError(
                f"degradation.rho ends at {self.rho[1]}, must end at 0.5 for a categorical "
                "prediction, whose sampler starts from noise alone"
            )
        if network.one_channel:
            raise ValueError(
                f"network.kind is '{network.kind}', whose output has one channel: a categorical "
                "prediction needs one for each grey level"
            )

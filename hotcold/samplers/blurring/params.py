"""The block of blurring diffusion."""

from typing import ClassVar, Literal

from hotcold.models.bases import ProcessParams
from hotcold.runtime.params import Count, Share
from hotcold.sampling.bases import GuidedParams


class Blurring(GuidedParams):
    """Blurring diffusion on a subset of the steps, for blur with noise. eta: 1 draws each frequency
    from the posterior, 0 keeps all noise and is deterministic."""

    sets: ClassVar = {"blurring": "blurring diffusion"}
    leaves_out_steps: ClassVar = True

    kind: Literal["blurring"] = "blurring"
    steps: Count
    eta: Share = 1.0

    def does(self, process: ProcessParams) -> str:
        return f"generates images by {self.sets[self.main_set]}{self.how}, from {process.start}"

    @property
    def words(self) -> list[str]:
        return [f"η = {self.eta:g}", *super().words]

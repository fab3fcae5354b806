"""The block of ancestral sampling."""

from typing import ClassVar, Literal

from hotcold.models import kinds
from hotcold.sampling.bases import Clip, GuidedParams, SamplerParams


class Ancestral(GuidedParams):
    """Algorithm 2, for a Gaussian process, over all T steps. clip: see `predictors.clipped`; the
    published algorithm does without."""

    sets: ClassVar = {"ancestral": "ancestral"}
    leaves_out_steps: ClassVar = True  # its model can, by DDIM

    kind: Literal["ancestral"] = "ancestral"
    clip: Clip = False

    @classmethod
    def in_steps(cls) -> type[SamplerParams]:
        return kinds.params("samplers", "ddim")

    @property
    def words(self) -> list[str]:
        return [*(["clipped"] if self.clip else []), *super().words]

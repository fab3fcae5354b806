"""The block of ancestral sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from hotcold.models import kinds
from hotcold.sampling.bases import Clip, Guidance, SamplerParams, StepStudyParams


class Ancestral(SamplerParams):
    """Algorithm 2, for a Gaussian process, over all T steps. clip: see `predictors.clipped`; the
    published algorithm does without. guidance: see `predictors.guided`."""

    sets: ClassVar = {"ancestral": "ancestral"}
    leaves_out_steps: ClassVar = True  # its model can, by DDIM

    kind: Literal["ancestral"] = "ancestral"
    clip: Clip = False
    guidance: Guidance = 1.0

    @classmethod
    def in_steps(cls) -> type[SamplerParams]:
        return kinds.params("samplers", "ddim")

    @classmethod
    def study(
        cls, grid: StepStudyParams, classes: int, guidances: Sequence[float]
    ) -> Iterator[SamplerParams]:
        """That of DDIM, which leaves out steps."""
        return cls.in_steps().study(grid, classes, guidances)

    @property
    def how(self) -> str:
        return ", with its estimate of the clean image clipped" if self.clip else ""

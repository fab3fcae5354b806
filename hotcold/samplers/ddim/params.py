"""The block of DDIM."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from hotcold.runtime.params import Count, Share
from hotcold.sampling.bases import Clip, Guidance, SamplerParams, StepStudyParams


class DDIM(SamplerParams):
    """DDIM on a subset of the steps, for a Gaussian process; eta 0 is deterministic. clip: see
    `predictors.clipped`; guidance: see `predictors.guided`."""

    sets: ClassVar = {"ddim": "DDIM"}
    leaves_out_steps: ClassVar = True

    kind: Literal["ddim"] = "ddim"
    steps: Count
    eta: Share = 0.0
    clip: Clip = False
    guidance: Guidance = 1.0

    @classmethod
    def study(
        cls, grid: StepStudyParams, classes: int, guidances: Sequence[float]
    ) -> Iterator[DDIM]:
        """Every number of steps with every eta and value of clip; of a model with labels, every
        guidance with the most steps and the largest eta."""
        if classes:
            steps, eta = max(grid.steps), max(grid.etas)
            yield from (cls(steps=steps, eta=eta, guidance=scale) for scale in guidances)
        else:
            for steps, eta, clip in itertools.product(grid.steps, grid.etas, grid.clips):
                yield cls(steps=steps, eta=eta, clip=clip)

    def setting(self) -> dict[str, Any]:
        return self.model_dump(exclude={"kind"}) | {"clip": self.clip}

    @property
    def how(self) -> str:
        clip = ", with its estimate of the clean image clipped" if self.clip else ""
        return f", in {self.steps} steps with η = {self.eta:g}{clip}"

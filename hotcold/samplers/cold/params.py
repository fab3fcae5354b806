"""The block of the cold samplers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pydantic

from hotcold.models.bases import ProcessParams
from hotcold.runtime.params import Share
from hotcold.sampling.bases import SamplerParams

SHARES = {"redrawn", "overwritten"}


class Cold(SamplerParams):
    """Algorithm 4 and Algorithm 2 of Bansal et al., for a cold process.

    Both start from the same degraded images. start: these are validation images (`validation`),
    images that the model was trained on (`train`), or, if the process has it, `noise`: nothing of
    an image is left. The main set is that of Algorithm 4, the sampler of the published report.
    redrawn: the share of pixels, drawn in each step, to which it applies; Algorithm 2 makes the
    others. overwritten: in place of it, the share of pixels that get the new estimate, as by
    Algorithm 4, but keep their noise.
    """

    sets: ClassVar = {"naive": "naive", "improved": "improved"}
    restores: ClassVar = True

    kind: Literal["cold"] = "cold"
    start: Literal["validation", "train", "noise"]
    redrawn: Annotated[Share, pydantic.Field(exclude_if=lambda share: share == 1)] = 1.0
    overwritten: Annotated[Share | None, pydantic.Field(exclude_if=lambda share: share is None)] = (
        None
    )

    @property
    def words(self) -> list[str]:
        return [f"{key} = {value:g}" for key, value in self.model_dump(include=SHARES).items()]

    def steps_of(self, T: int) -> int:
        return 2 * T

    def evaluations(self, T: int) -> int:
        return T

    @classmethod
    def complete(cls, T: int) -> Cold:
        return cls(start="validation")

    def check(self, process: ProcessParams) -> None:
        if self.from_noise and not process.starts_from_noise:
            raise ValueError(
                "sampler.start is 'noise', must be 'validation' or 'train' for "
                f"{process.kind} degradation"
            )
        if self.overwritten is not None and self.redrawn != 1:
            raise ValueError("sampler.redrawn must be absent beside sampler.overwritten")

    def does(self, process: ProcessParams) -> str:
        own = self.redrawn if self.overwritten is None else self.overwritten
        share = "" if own == 1 else f" for {own:.0%} of the pixels of a step"
        noise = "" if self.overwritten is None else ", without new noise"
        sampler = f"the naive sampler (algorithm 4){share}{noise}"
        if self.from_noise or process.from_noise_alone:
            return f"starts from {process.start} alone and uses {sampler}"
        images = "training" if self.from_training else "validation"
        return f"restores {images} images {process.left}, with {sampler}"

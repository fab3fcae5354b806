"""Section `training`: the budget, and the arithmetic it is spent in."""

from __future__ import annotations

from typing import Literal

import pydantic

from diffusion.runtime.params import Count, Section

Precision = Literal["auto", "float32", "bfloat16"]


class Training(Section):
    """images, validation_images: how many of each part of the split are used.

    checkpoints: epochs whose weights are kept, as far as the budget reaches them.
    weights: the type that kept weights are rounded to; training itself goes on in float32.
    """

    epochs: Count
    batch_size: Count
    images: Count
    validation_images: Count
    checkpoints: tuple[Count, ...]
    weights: Literal["float16", "float32"]
    precision: Precision

    @pydantic.field_validator("checkpoints")
    @classmethod
    def _once(cls, checkpoints: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(checkpoints)) < len(checkpoints):
            raise ValueError(f"is {list(checkpoints)}, must name each epoch once")
        return checkpoints

    @pydantic.model_validator(mode="after")
    def _batch(self) -> Training:
        if self.batch_size > self.images:
            raise ValueError(
                f"batch_size is {self.batch_size}, must not exceed training.images, {self.images}"
            )
        return self

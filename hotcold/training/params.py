"""Section `training`, the budget of all models, and the block `training` of one model."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from hotcold.runtime.params import Count, LearningRate, Rate, Section


class TrainingParams(Section):
    """images, validation_images: how many of each part of the split are used.

    epochs: of every model whose block has none of its own.
    checkpoints: epochs whose weights are kept, as far as the budget reaches.
    weights: the dtype that kept weights are rounded to; training itself is in float32.
    """

    epochs: Count
    batch_size: Count
    images: Count
    validation_images: Count
    checkpoints: tuple[Count, ...]
    weights: Literal["float16", "float32"]

    @pydantic.field_validator("checkpoints")
    @classmethod
    def _once(cls, checkpoints: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(checkpoints)) < len(checkpoints):
            raise ValueError(f"is {list(checkpoints)}, must contain each epoch once")
        return checkpoints

    @pydantic.model_validator(mode="after")
    def _batch(self) -> TrainingParams:
        if self.batch_size > self.images:
            raise ValueError(
                f"batch_size is {self.batch_size}, must not exceed training.images, {self.images}"
            )
        return self


class PlateauParams(Section):
    """ReduceLROnPlateau on the validation loss; patience in epochs."""

    factor: Rate
    patience: Annotated[int, pydantic.Field(ge=0)]


class RecipeParams(Section):
    """The training of one model by Adam. Every part but the learning rate is off if absent.

    epochs: instead of training.epochs. plateau: lower the rate when the validation loss stalls.
    ema: decay of an exponential moving average of the weights, which is then what is validated,
    kept and sampled. warmup: share of the steps in which the learning rate rises linearly; it
    then falls to 0 on a cosine. stratified_t: see `hotcold.training.loop.draw_steps`.
    label_dropout: the share of labels that a network with classes does not get, so that it also
    learns to predict without a label (Ho and Salimans 2022, Algorithm 1).
    """

    learning_rate: LearningRate
    epochs: Count | None = None
    plateau: PlateauParams | None = None
    ema: Rate | None = None
    warmup: Annotated[float, pydantic.Field(ge=0, lt=1)] | None = None
    stratified_t: bool = False
    label_dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] | None = None

    @pydantic.model_validator(mode="after")
    def _one_schedule(self) -> RecipeParams:
        if self.plateau and self.warmup is not None:
            raise ValueError(f"warmup is {self.warmup}, must be absent with plateau")
        return self

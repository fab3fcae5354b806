"""Section `sampling`: how many images, of which checkpoints, by which reverse process."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from stages.params.reader import Count, Section


class Sampling(Section):
    """images: a checkpoint, for the scores; progress_images: at each earlier checkpoint.

    epoch: scored beside `best` and `last` (the nearest that the budget has).
    sampler, steps, eta: Gaussian models; steps and eta belong to `strided`.
    start: what an impulse model restores, see stages.sample.
    batch_size: memory and speed only; results do not depend on it.
    """

    images: Annotated[int, pydantic.Field(ge=4)]
    progress_images: Count
    batch_size: Count
    epoch: Count
    sampler: Literal["ancestral", "strided"]
    steps: Count
    eta: Annotated[float, pydantic.Field(ge=0, le=1)]
    start: Literal["validation", "train", "noise"]

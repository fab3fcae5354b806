"""Section `sampling`, and the block `sampler` of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pydantic

from hotcold.models import kinds
from hotcold.runtime.params import Count, Section
from hotcold.sampling.bases import Guidances
from hotcold.sampling.bases import SamplerParams as Sampler

if not TYPE_CHECKING:
    Sampler = kinds.union("samplers")


class SamplingParams(Section):
    """images: of a checkpoint that is scored; progress_images: of each other checkpoint.

    epoch: its checkpoint is scored as well as `best` and `last`; if there is none, the nearest.
    guidances: that images of each class are drawn with, for a network with classes.
    """

    images: Annotated[int, pydantic.Field(ge=10)]
    progress_images: Count
    epoch: Count
    guidances: Guidances


def samplers_for(process: str, predicts: str) -> list[str]:
    """The kinds of sampler that a model can use: those that its kind of process names, and then
    those that name its process."""
    blocks = {kind: kinds.params("samplers", kind) for kind in kinds.names("samplers")}
    further = [kind for kind, each in blocks.items() if predicts in each.serves.get(process, ())]
    return [*kinds.params("processes", process).predictions[predicts].samplers, *further]

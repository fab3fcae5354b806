"""Section `sampling`, and the block `sampler` of one model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from hotcold.models import kinds
from hotcold.runtime.params import Count, Section, Seed
from hotcold.sampling.bases import Guidances, SamplerParams

if TYPE_CHECKING:
    Sampler = SamplerParams
else:
    Sampler = kinds.union("samplers")


class SamplingParams(Section):
    """images: of a checkpoint that is scored; progress_images: of each other checkpoint.

    epoch: its checkpoint is scored as well as `best` and `last`; if there is none, the nearest.
    guidances: that images of each class are drawn with, for a network with classes. seed: of the
    noise of all these images; by default that of the workflow.
    """

    images: Annotated[int, pydantic.Field(ge=10)]
    progress_images: Count
    epoch: Count
    guidances: Guidances
    seed: Seed | None = None

    def noise_seed(self, seed: int) -> int:
        """The seed of the noise; seed: of the workflow."""
        return seed if self.seed is None else self.seed


def recorded(record: Mapping[str, Any]) -> SamplerParams:
    """The sampler of an entry of results, which may have further keys."""
    block = kinds.params("samplers", record["kind"])
    fields = {key: value for key, value in record.items() if key in block.model_fields}
    return block.model_validate(fields, strict=False)  # JSON has lists instead of tuples


def samplers_for(process: str, predicts: str) -> list[str]:
    """The kinds of sampler that a model can use: those that its kind of process names, and then
    those that name its process."""
    blocks = {kind: kinds.params("samplers", kind) for kind in kinds.names("samplers")}
    further = [kind for kind, each in blocks.items() if predicts in each.serves.get(process, ())]
    return [*kinds.params("processes", process).predictions[predicts].samplers, *further]

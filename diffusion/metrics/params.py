"""Section `evaluation`."""

from __future__ import annotations

from typing import Annotated

import pydantic

from diffusion.runtime.params import Count, Section, Seed, TestImages


class EvaluationParams(Section):
    """splits: of the inception score. reference: real test images that scores compare with.

    neighbours: k of precision, recall, density and coverage.
    bootstrap: resamples for the 95 % intervals.
    """

    seed: Seed
    splits: Count
    reference: TestImages
    neighbours: Count
    bootstrap: Annotated[int, pydantic.Field(ge=2, le=100_000)]

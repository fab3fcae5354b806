"""Section `evaluation`: the scores."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from diffusion.runtime.params import Count, Section, Seed

InceptionUse = Literal["auto", "required", "off"]


class Evaluation(Section):
    """reference: test images on the real side; inception_reference: the same in Inception
    features, which are some 10^4 times dearer than the classifier's.

    inception: `auto` goes on without the weights where they cannot be had, `required` fails,
    `off` never asks. inception_weights: an own copy of the file.
    neighbours: k of precision, recall, density and coverage.
    bootstrap: resamples for the 95 % intervals.
    """

    seed: Seed
    splits: Count
    reference: Annotated[int, pydantic.Field(ge=4, le=10_000)]
    neighbours: Count
    bootstrap: Annotated[int, pydantic.Field(ge=2)]
    inception: InceptionUse
    inception_weights: str | None
    inception_reference: Annotated[int, pydantic.Field(ge=4, le=10_000)]

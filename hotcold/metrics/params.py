"""Section `evaluation`."""

from typing import Annotated

import pydantic

from hotcold.runtime.params import Count, Section, Seed, TestImages


class EvaluationParams(Section):
    """splits: of the inception score. reference: real test images that scores compare with.
    permutations: of the images among these splits. neighbours: k of precision, recall, density and
    coverage. subsets: random sets of real images, of the size of the sample, for these four.
    bootstrap: resamples for the 95 % interval of FID.
    """

    seed: Seed
    splits: Count
    permutations: Count
    reference: TestImages
    neighbours: Count
    subsets: Count
    bootstrap: Annotated[int, pydantic.Field(ge=2, le=100_000)]

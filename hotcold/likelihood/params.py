"""Section `likelihood`."""

import pydantic

from hotcold.runtime.params import Count, Section, TestImages

TOGETHER = 100  # images with the same steps t, those of numerics.rng.CHUNK


class LikelihoodParams(Section):
    """images: test images, of which the standard error needs whole chunks. steps: terms of the
    bound that are evaluated for each image."""

    images: TestImages
    steps: Count

    @pydantic.field_validator("images")
    @classmethod
    def _whole_chunks(cls, images: int) -> int:
        if images > TOGETHER and images % TOGETHER:
            raise ValueError(f"is {images}, must be a multiple of {TOGETHER}, or less than that")
        return images

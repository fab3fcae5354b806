"""Section `data`: how the 60,000 images that MNIST offers for training are split."""

from __future__ import annotations

import pydantic

from hotcold.runtime.params import Count, Section, Seed

TOTAL = 60_000


class DataParams(Section):
    """Sizes in images; the parts are taken from one seeded permutation.

    held_out: the last images of the validation part.
    """

    train: Count
    validation: Count
    held_out: Count
    split_seed: Seed

    @pydantic.model_validator(mode="after")
    def _sizes(self) -> DataParams:
        if self.train + self.validation != TOTAL:
            raise ValueError(
                f"train + data.validation is {self.train + self.validation}, must be {TOTAL}, "
                "the images that MNIST offers for training"
            )
        if self.held_out > self.validation:
            raise ValueError(
                f"held_out is {self.held_out}, must not exceed data.validation, "
                f"{self.validation}: the held-out images are part of it"
            )
        return self

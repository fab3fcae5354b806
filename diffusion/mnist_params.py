"""Section `data`: how the 60,000 images that MNIST offers for training are divided."""

from __future__ import annotations

import pydantic

from diffusion.runtime.params import Count, Section, Seed


class Data(Section):
    """Sizes in images; the three parts are taken from one seeded permutation."""

    train: Count
    validation: Count
    held_out: Count
    split_seed: Seed

    @pydantic.model_validator(mode="after")
    def _sizes(self) -> Data:
        if self.train + self.validation != 60_000:
            raise ValueError(
                f"train + data.validation is {self.train + self.validation}, must be 60000, "
                "the images that MNIST offers for training"
            )
        if self.held_out > self.validation:
            raise ValueError(
                f"held_out is {self.held_out}, must not exceed data.validation, {self.validation}: "
                "it is the last part of it"
            )
        return self

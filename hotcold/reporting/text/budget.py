"""The budget of training and sampling, compared with that of the published report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotcold.reporting.reading.formatting import counted, names
from hotcold.reporting.reading.published import Published
from hotcold.reporting.reading.results import grouped

# A ranking requires as much training as the first published checkpoint, 10 epochs of 48,000
# images, and as many scored images as the published report states.
CONCLUSIVE_IMAGES, CONCLUSIVE_SAMPLES = 480_000, 1000


@dataclass(frozen=True)
class Budget:
    """epochs: of each model. images: of an epoch. samples: scored images of a checkpoint."""

    epochs: Mapping[str, int]
    images: int
    samples: int
    published: Published

    @property
    def conclusive(self) -> bool:
        """Whether all models have the budget that a ranking requires."""
        fewest = min(self.epochs.values()) * self.images
        return fewest >= CONCLUSIVE_IMAGES and self.samples >= CONCLUSIVE_SAMPLES

    @property
    def complete(self) -> bool:
        """Whether all models of the published report have at least its budget."""
        published = self.published
        images = published["epochs"] * published["images"]
        return self.samples >= published["samples"] and all(
            epochs * self.images >= images
            for model, epochs in self.epochs.items()
            if model in published["models"]
        )

    @property
    def words(self) -> str:
        """The epochs of training: `10 epochs`, or `10 (a and b) or 20 (c) epochs`."""
        by_epochs = grouped(self.epochs, self.epochs.__getitem__)
        if len(by_epochs) == 1:
            return counted(next(iter(by_epochs)), "epoch")
        parts = [f"{epochs} ({names(models)})" for epochs, models in sorted(by_epochs.items())]
        return f"{' or '.join(parts)} epochs"

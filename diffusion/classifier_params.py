"""Section `classifier`: the MNIST classifier whose features and logits the scores use."""

from __future__ import annotations

from diffusion.runtime.params import Count, Rate, Section, Seed


class Classifier(Section):
    """images: of the 60,000 minus the held-out ones; learning_rate: the peak of OneCycle."""

    seed: Seed
    images: Count
    epochs: Count
    batch_size: Count
    learning_rate: Rate

"""Section `classifier`: the training of the MNIST classifier."""

from hotcold.runtime.params import Count, LearningRate, Section, Seed


class ClassifierParams(Section):
    """images: used for training, of the 60,000 without the held-out ones.

    learning_rate: the maximum of the one-cycle schedule.
    """

    seed: Seed
    images: Count
    epochs: Count
    batch_size: Count
    learning_rate: LearningRate

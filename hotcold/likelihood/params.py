"""Section `likelihood`."""

from hotcold.runtime.params import Count, Section, TestImages


class LikelihoodParams(Section):
    """images: test images. steps: terms of the bound that are evaluated for each image."""

    images: TestImages
    steps: Count

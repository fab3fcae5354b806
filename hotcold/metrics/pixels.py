"""Scores of pixels, for what the features of a classifier hardly see: haze and stray strokes.

Images are (N, 1, H, W) uint8, 0 black.
"""

import numpy as np
from torch import Tensor

INK = 64  # the level from which a pixel belongs to a stroke, a quarter of the range
NEIGHBOURS = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])  # none in other images


def pixel_scores(images: Tensor) -> dict[str, float]:
    """`zeros`: the share of pixels that are exactly black, which haze lowers.

    `components`: connected sets of pixels of at least INK an image, diagonals included; a digit
    is mostly one, and stray pixels add theirs.
    """
    from scipy import ndimage  # takes a moment

    _, components = ndimage.label(images[:, 0].numpy() >= INK, structure=NEIGHBOURS)
    return {
        "zeros": (images == 0).double().mean().item(),
        "components": components / len(images),
    }

"""The scale of pixels: uint8 levels in files and scores, floats in [-0.5, 0.5] in networks."""

import torch
from torch import Tensor

from hotcold.runtime.errors import UserError

SIDE = 28  # pixels
LOW, HIGH = -0.5, 0.5  # black and white: ToTensor, then Normalize(0.5, 1)


def to_pixels(images: Tensor) -> Tensor:
    """uint8 levels 0..255 -> float32 in [-0.5, 0.5]."""
    return images.float() / 255 + LOW


def to_levels(pixels: Tensor) -> Tensor:
    """Floats of any range -> uint8 levels; [-0.5, 0.5] maps to 0..255, values outside are clamped.

    The scale is the same for all images: none is stretched by its own minimum and maximum.
    Raises UserError if a pixel is not finite, which would become black or white.
    """
    if not pixels.isfinite().all():
        raise UserError(
            "a pixel is not a finite number: the reverse process of this schedule, sampler and "
            "network diverges"
        )
    return ((pixels.float() - LOW).clamp(0, 1) * 255).round().to(torch.uint8)

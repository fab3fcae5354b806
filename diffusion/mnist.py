"""MNIST as arrays: reading, the split, and pixel scaling with its inverse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffusion.runtime.errors import UserError

DIRECTORY = Path("data/mnist")
FILES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}
LOW, HIGH = -0.5, 0.5  # ToTensor, then Normalize(0.5, 1)


def read_idx(path: Path) -> Tensor:
    """An IDX file of unsigned bytes (the format of MNIST) as a uint8 tensor.

    Raises UserError when it is missing, is not one, or is shorter or longer than it says.
    """
    again = f"delete {path.parent} and run dvc repro download"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run dvc repro download") from None
    if content[:3] != b"\x00\x00\x08" or len(content) < 4 or len(content) < 4 + 4 * content[3]:
        raise UserError(f"{path} is not an IDX file of unsigned bytes: {again}")
    header = 4 + 4 * content[3]
    shape = np.frombuffer(content, dtype=">u4", count=content[3], offset=4).astype(int)
    if len(content) != header + shape.prod():
        raise UserError(
            f"{path} has {len(content)} bytes, its header says {header + shape.prod()}: {again}"
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy())


def images(part: str, directory: Path = DIRECTORY) -> Tensor:
    """Images of `train` (60,000) or `test` (10,000): (N, 1, 28, 28), uint8."""
    return read_idx(directory / FILES[part, "images"]).unsqueeze(1)


def labels(part: str, directory: Path = DIRECTORY) -> Tensor:
    """Labels of `train` or `test`: (N,), int64, 0..9."""
    return read_idx(directory / FILES[part, "labels"]).long()


@dataclass(frozen=True)
class Split:
    """Indices into the 60,000 images for training.

    train and validation: the report's 80:20 split, by the permutation of `random_split`.
    held_out: the last of validation. No network is ever trained on them, not the classifier
    either, which learns from the others (`classifier`).
    """

    train: Tensor
    validation: Tensor
    held_out: Tensor
    classifier: Tensor


def split(total: int, train: int, held_out: int, seed: int) -> Split:
    """The split of `total` images, sizes in images."""
    order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
    return Split(order[:train], order[train:], order[total - held_out :], order[: total - held_out])


def to_pixels(images: Tensor) -> Tensor:
    """uint8 levels 0..255 -> float32 in [-0.5, 0.5]."""
    return images.float() / 255 + LOW


def to_levels(pixels: Tensor) -> Tensor:
    """Any floats -> uint8 levels; [-0.5, 0.5] maps to 0..255, what is outside is clamped.

    One fixed scale for all images: none is ever stretched by its own minimum and maximum.
    """
    return ((pixels.float() - LOW).clamp(0, 1) * 255).round().to(torch.uint8)

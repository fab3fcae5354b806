"""MNIST as arrays, and how its images are split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hotcold.data.params import DataParams
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError

FILES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}


def read_idx(path: Path) -> Tensor:
    """An IDX file of unsigned bytes (the format of MNIST) as a uint8 tensor. Raises UserError if it
    is missing, in another format, or not of the size that its header states."""
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
            f"{path} has {len(content)} bytes, its header states {header + shape.prod()}: {again}"
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy())


def images(part: str, folder: Path = paths.MNIST) -> Tensor:
    """The images of `train` (60,000) or `test` (10,000): (N, 1, 28, 28), uint8."""
    return read_idx(folder / FILES[part, "images"]).unsqueeze(1)


def labels(part: str, folder: Path = paths.MNIST) -> Tensor:
    """The labels of `train` or `test`: (N,), int64, 0..9."""
    return read_idx(folder / FILES[part, "labels"]).long()


@dataclass(frozen=True)
class Split:
    """Indices into the 60,000 images for training.

    train and validation: the 80:20 split of the published report, by the permutation of
    `random_split`. held_out: the last part of validation. No network is trained on these images;
    the classifier is trained on the others (`classifier`).
    """

    train: Tensor
    validation: Tensor
    held_out: Tensor
    classifier: Tensor


def split(total: int, params: DataParams) -> Split:
    """The split of `total` images."""
    order = torch.randperm(total, generator=torch.Generator().manual_seed(params.split_seed))
    held_out = total - params.held_out
    return Split(order[: params.train], order[params.train :], order[held_out:], order[:held_out])

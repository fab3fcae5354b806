"""Fixtures that several test files share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stages.diffusion.data import FILES

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def write_idx(path: Path, array: np.ndarray) -> None:
    """An IDX file, the format of MNIST."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + array.tobytes())


def write_fake_mnist(folder: Path) -> None:
    """60,000 + 10,000 images of the real layout: for every label a bar at its own height."""
    random = np.random.default_rng(0)
    for part, count in (("train", 60_000), ("test", 10_000)):
        labels = random.integers(0, 10, count, dtype=np.uint8)
        images = random.integers(0, 30, (count, 28, 28), dtype=np.uint8)
        rows = 4 + 2 * labels[:, None] + np.arange(2)
        images[np.arange(count)[:, None], rows, 4:24] = 230
        write_idx(folder / FILES[part, "images"], images)
        write_idx(folder / FILES[part, "labels"], labels)

"""Files of MNIST, and the split of its images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_idx

from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.runtime.errors import UserError

PUBLISHED = DataParams(train=48_000, validation=12_000, held_out=10_000, split_seed=42)


def test_idx_file_is_read(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "file", array)
    assert np.array_equal(mnist.read_idx(tmp_path / "file").numpy(), array)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """tests/runtime/test_damage.py has damaged ones."""
    with pytest.raises(UserError, match="nowhere is missing: run dvc repro download"):
        mnist.read_idx(tmp_path / "nowhere")


def test_split_is_that_of_random_split() -> None:
    """The published notebooks use random_split with a generator of seed 42."""
    split = mnist.split(60_000, PUBLISHED)
    train, validation = torch.utils.data.random_split(
        range(60_000), [48_000, 12_000], generator=torch.Generator().manual_seed(42)
    )
    assert split.train.tolist() == train.indices
    assert split.validation.tolist() == validation.indices


def test_no_network_is_trained_on_held_out_images() -> None:
    split = mnist.split(60_000, PUBLISHED)
    held_out = set(split.held_out.tolist())
    assert len(held_out) == 10_000
    assert held_out <= set(split.validation.tolist())
    assert not held_out & set(split.train.tolist())
    assert not held_out & set(split.classifier.tolist())
    assert len(split.classifier) == 50_000

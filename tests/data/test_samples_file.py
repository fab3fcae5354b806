"""Sets of images on disk."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hotcold import samples_file
from hotcold.runtime.errors import UserError


def test_sets_are_loaded_as_saved_in_equal_bytes(tmp_path: Path, rng: torch.Generator) -> None:
    sets = {
        name: torch.randint(0, 256, (3, 1, 28, 28), generator=rng, dtype=torch.uint8)
        for name in ("naive", "improved")
    }
    for name in ("a.npz", "b.npz"):
        samples_file.save(tmp_path / name, sets, {"z": [1], "epoch": 3})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded, description = samples_file.load(tmp_path / "a.npz")
    assert description == {"z": [1], "epoch": 3}
    assert list(loaded) == ["naive", "improved"]
    assert all(torch.equal(loaded[name], sets[name]) for name in sets)
    assert (np.load(tmp_path / "a.npz")["naive"] == sets["naive"].numpy()).all()


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.npz is missing: run dvc repro"):
        samples_file.load(tmp_path / "a.npz")

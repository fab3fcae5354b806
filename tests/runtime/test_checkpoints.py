"""Tensors and their description on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hotcold.numerics import checkpoints
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError


def test_saved_weights_are_loaded_with_their_description(tmp_path: Path) -> None:
    network, path = nn.Linear(3, 2), tmp_path / "w.safetensors"
    checkpoints.save(path, network.state_dict(), {"epoch": 3, "network": {"hidden": [1, 2]}})
    weights, description = checkpoints.load(path)
    other = checkpoints.load_weights(nn.Linear(3, 2), weights, path)
    assert torch.equal(other.weight, network.weight)
    assert description == {"epoch": 3, "network": {"hidden": [1, 2]}}
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_equal_tensors_give_equal_bytes(tmp_path: Path) -> None:
    tensors = {name: torch.full((4,), float(i)) for i, name in enumerate("qwertz")}
    for name in ("a", "b"):
        checkpoints.save(tmp_path / name, tensors, {"z": 1, "a": 2, "name": "x"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("folder", [paths.MODELS, Path("own")])
def test_missing_damaged_and_foreign_weights_are_refused(inside: Path, folder: Path) -> None:
    """With the command that restores them if they are results."""
    path = inside / folder / "w.safetensors"
    result = folder == paths.MODELS
    with pytest.raises(UserError) as error:
        checkpoints.load(path)
    assert str(error.value) == f"{path} is missing" + ": run dvc repro" * result
    checkpoints.save(path, nn.Linear(3, 2).state_dict(), {})
    weights, _ = checkpoints.load(path)
    with pytest.raises(UserError, match="of another architecture"):
        checkpoints.load_weights(nn.Linear(4, 2), weights, path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"w\.safetensors is damaged \(.*\)") as error:
        checkpoints.load(path)
    assert str(error.value).endswith("): delete it and run dvc repro" if result else ")")


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a file, must be one of weights"):
        checkpoints.load(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_tensors_of_another_program_are_refused(tmp_path: Path, metadata: dict | None) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"x": torch.ones(2)}, path, metadata)
    with pytest.raises(UserError, match=r"w\.safetensors is damaged \(.*\)$"):
        checkpoints.load(path)

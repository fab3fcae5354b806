"""Reading, splitting and scaling; weights on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_idx
from torch import nn

from diffusion import image_sets
from diffusion import mnist as data
from diffusion.classifier import Classifier, classify, shift
from diffusion.runtime import checkpoints
from diffusion.runtime.errors import UserError


def test_idx_files_are_read(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "file", array)
    assert np.array_equal(data.read_idx(tmp_path / "file").numpy(), array)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<html>not found</html>")
    with pytest.raises(UserError, match=r"page is not an IDX file.*: delete .* and run dvc repro"):
        data.read_idx(tmp_path / "page")
    (tmp_path / "head").write_bytes(b"\x00\x00\x08\x03\x00")
    with pytest.raises(UserError, match="head is not an IDX file"):
        data.read_idx(tmp_path / "head")
    with pytest.raises(UserError, match="nowhere is missing: run dvc repro download"):
        data.read_idx(tmp_path / "nowhere")
    write_idx(tmp_path / "short", np.zeros((5, 4), np.uint8))
    (tmp_path / "short").write_bytes((tmp_path / "short").read_bytes()[:-1])
    with pytest.raises(UserError, match="has 31 bytes, its header says 32: delete"):
        data.read_idx(tmp_path / "short")


def test_pixel_scaling_and_its_inverse() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    pixels = data.to_pixels(levels)
    assert (pixels.min().item(), pixels.max().item()) == (-0.5, 0.5)
    assert torch.equal(data.to_levels(pixels), levels)
    assert data.to_levels(torch.tensor([-3.0, 7.0])).tolist() == [0, 255]


def test_the_split_is_that_of_random_split() -> None:
    """The published notebooks: random_split with a generator of seed 42."""
    split = data.split(60_000, 48_000, 10_000, 42)
    train, validation = torch.utils.data.random_split(
        range(60_000), [48_000, 12_000], generator=torch.Generator().manual_seed(42)
    )
    assert split.train.tolist() == train.indices
    assert split.validation.tolist() == validation.indices


def test_no_network_learns_from_held_out_images() -> None:
    split = data.split(60_000, 48_000, 10_000, 42)
    held_out = set(split.held_out.tolist())
    assert len(held_out) == 10_000
    assert held_out <= set(split.validation.tolist())
    assert not held_out & set(split.train.tolist())
    assert not held_out & set(split.classifier.tolist())
    assert len(split.classifier) == 50_000


def test_weights_come_back_with_their_description(tmp_path: Path) -> None:
    network, path = nn.Linear(3, 2), tmp_path / "w.safetensors"
    checkpoints.save(path, network.state_dict(), {"epoch": 3, "network": {"hidden": [1, 2]}})
    weights, description = checkpoints.load(path)
    other = checkpoints.restore(nn.Linear(3, 2), weights, path)
    assert torch.equal(other.weight, network.weight)
    assert description == {"epoch": 3, "network": {"hidden": [1, 2]}}
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    tensors = {name: torch.full((4,), float(i)) for i, name in enumerate("qwertz")}
    for name in ("a", "b"):
        checkpoints.save(tmp_path / name, tensors, {"z": 1, "a": 2, "name": "x"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_sets_of_images_come_back_and_are_the_same_bytes(
    tmp_path: Path, rng: torch.Generator
) -> None:
    sets = {name: torch.randint(0, 256, (3, 1, 28, 28), generator=rng, dtype=torch.uint8)
            for name in ("naive", "improved")}  # fmt: skip
    for name in ("a.npz", "b.npz"):
        image_sets.save(tmp_path / name, sets, {"z": [1], "epoch": 3})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found, description = image_sets.load(tmp_path / "a.npz")
    assert description == {"z": [1], "epoch": 3}
    assert list(found) == ["naive", "improved"]
    assert all(torch.equal(found[name], sets[name]) for name in sets)
    assert (np.load(tmp_path / "a.npz")["naive"] == sets["naive"].numpy()).all()


@pytest.mark.parametrize("kept", [0, 10, 2000, -5])
def test_damaged_or_missing_images_are_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(UserError, match=r"a\.npz is missing: run dvc repro"):
        image_sets.load(path)
    image_sets.save(path, {"naive": torch.randint(0, 256, (9, 1, 28, 28), dtype=torch.uint8)}, {})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"a\.npz is damaged"):
        image_sets.load(path)


def test_damaged_missing_and_foreign_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match=r"w\.safetensors is missing: run dvc repro"):
        checkpoints.load(path)
    checkpoints.save(path, nn.Linear(3, 2).state_dict(), {})
    weights, _ = checkpoints.load(path)
    with pytest.raises(UserError, match="of another architecture"):
        checkpoints.restore(nn.Linear(4, 2), weights, path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"w\.safetensors is damaged"):
        checkpoints.load(path)


def test_the_classifier_has_the_features_it_says(rng: torch.Generator) -> None:
    images = torch.randint(0, 256, (7, 1, 28, 28), generator=rng, dtype=torch.uint8)
    network = Classifier()
    outputs = classify(network, images, batch_size=3)
    assert outputs.maps.shape == (7, 1568)
    assert outputs.features.shape == (7, Classifier.FEATURES)
    assert outputs.logits.shape == (7, 10)
    alone = classify(network, images[4:5])
    torch.testing.assert_close(alone.logits, outputs.logits[4:5])


def test_shift_moves_each_image_by_up_to_two_pixels(rng: torch.Generator) -> None:
    images = torch.zeros(500, 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 14, 14] = 255
    moved = shift(images, 2, rng)
    assert moved.shape == images.shape
    assert (moved == 255).flatten(1).sum(1).eq(1).all()
    places = {(y, x) for _, _, y, x in moved.nonzero().tolist()}
    assert places == {(14 + dy, 14 + dx) for dy in range(-2, 3) for dx in range(-2, 3)}

"""Damaged files end in one sentence: 1500 of them, made from a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from hotcold import samples_file
from hotcold.data.mnist import read_idx
from hotcold.numerics import checkpoints, tables
from hotcold.runtime.errors import UserError

SETS = {"main": torch.arange(2 * 28 * 28).view(2, 1, 28, 28).to(torch.uint8)}
Make = Callable[[Path], None]


def make_idx(path: Path) -> None:
    header = b"\0\0\x08\x03" + np.array([2, 28, 28], ">u4").tobytes()
    path.write_bytes(header + bytes(2 * 28 * 28))


FORMATS: list[tuple[Make, Callable[[Path], object]]] = [
    (lambda path: samples_file.save(path, SETS, {"epoch": 1}), samples_file.load),
    (lambda path: checkpoints.save(path, {"x": torch.ones(3, 4)}, {"epoch": 1}), checkpoints.load),
    (make_idx, read_idx),
    (lambda path: tables.write_json(path, {"seconds": [1.5, 2.5]}), tables.read_json),
    (lambda path: tables.write_csv(path, ("epoch", "loss"), [(1, 0.5), (2, 0.4)]), tables.read_csv),
]


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The content after one of five kinds of damage."""
    kind, at = random.integers(5), int(random.integers(len(content)))
    changed = bytearray(content)
    if kind == 0:
        return content[:at]
    if kind == 1:
        changed[at] ^= 1 << random.integers(8)
    elif kind == 2:
        changed[at : at + 8] = random.bytes(8)
    elif kind == 3:
        changed[at:at] = random.bytes(int(random.integers(1, 40)))
    else:
        changed[at : at + int(random.integers(1, 200))] = b""
    return bytes(changed)


@pytest.mark.parametrize(
    ("make", "load"), FORMATS, ids=["npz", "safetensors", "idx", "json", "csv"]
)
def test_damaged_file_is_loaded_or_refused_in_a_sentence(
    tmp_path: Path, make: Make, load: Callable[[Path], object]
) -> None:
    path, random = tmp_path / "file", np.random.default_rng(0)
    make(path)
    content, refused = path.read_bytes(), 0
    for _ in range(300):
        path.write_bytes(damaged(content, random))
        try:
            load(path)
        except UserError as error:
            refused += 1
            assert str(error).startswith(str(path))
            assert "is missing" not in str(error)
            assert len(str(error)) < 1000
    assert refused > 30


CONFLICT = b"epoch,loss\n<<<<<<< HEAD\n1,2\n=======\n1,3\n>>>>>>> other\n"


@pytest.mark.parametrize("load", [load for _, load in FORMATS])
@pytest.mark.parametrize("content", [b"", b"{}", CONFLICT, b"\xff"])
def test_other_content_is_refused_or_a_value(
    tmp_path: Path, load: Callable[[Path], object], content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    if load is tables.read_json and content == b"{}":
        assert load(path) == {}
        return
    with pytest.raises(UserError, match=r"is damaged|is not an IDX"):
        load(path)

"""Files that are cut off, empty, or of another kind end in one sentence."""

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
CONFLICT = b"epoch,loss\n<<<<<<< HEAD\n1,2\n=======\n1,3\n>>>>>>> other\n"


def make_idx(path: Path) -> None:
    header = b"\0\0\x08\x03" + np.array([2, 28, 28], ">u4").tobytes()
    path.write_bytes(header + bytes(2 * 28 * 28))


@pytest.mark.parametrize(
    ("make", "load"),
    [
        (lambda path: samples_file.save(path, SETS, {"epoch": 1}), samples_file.load),
        (lambda path: checkpoints.save(path, {"x": torch.ones(3)}, {}), checkpoints.load),
        (make_idx, read_idx),
        (lambda path: tables.write_json(path, {"seconds": [1.5, 2.5]}), tables.read_json),
        (lambda path: tables.write_csv(path, ("epoch", "loss"), [(1, 0.5)]), tables.read_csv),
    ],
    ids=["npz", "safetensors", "idx", "json", "csv"],
)
def test_file_that_is_cut_off_empty_or_another_is_refused(
    tmp_path: Path, make: Callable[[Path], None], load: Callable[[Path], object]
) -> None:
    path = tmp_path / "file"
    make(path)
    whole = path.read_bytes()
    load(path)
    cut = whole[:-5]  # of a table: in its last row
    for content in (cut, whole[: len(whole) // 3], b"", CONFLICT, b"\xff"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"^{path} is damaged|is not an IDX|has .* bytes"):
            load(path)

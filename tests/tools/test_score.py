"""The scores of other people's samples are those of the report, and wrong files are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import run_stage
from PIL import Image

from hotcold import samples_file
from hotcold.commands import score
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from stages import evaluate, evaluate_real, sample, train, train_classifier


@pytest.fixture(scope="module")
def folder(prepared: Path) -> Path:
    """With the scored samples of a model2."""
    for stage in (train_classifier, evaluate_real):
        run_stage(prepared, stage)
    for stage in (train, sample, evaluate):
        run_stage(prepared, stage, "model2")
    return prepared


def digits(folder: Path) -> np.ndarray:
    sets, _ = samples_file.load(folder / paths.samples("model2", 2))
    return sets["ancestral"][:, 0].numpy()


@pytest.mark.parametrize("form", ["npz", "npy", "float", "channel", "png", "samples"])
def test_every_form_of_the_samples_has_the_scores_of_the_report(
    folder: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    images, path = digits(folder), tmp_path / "images.npy"
    if form == "npz":
        path = tmp_path / "images.npz"
        np.savez(path, anything=images.astype(np.int64))
    elif form == "png":
        path = tmp_path
        for i, image in enumerate(images):
            Image.fromarray(image).save(path / f"{i:03d}.{'PNG' if i % 2 else 'png'}")
    elif form == "samples":
        path = folder / paths.samples("model2", 2)
    else:
        forms = {"npy": images, "float": images / 255, "channel": images[..., None]}
        np.save(path, forms[form])
    monkeypatch.chdir(folder)
    score.main([str(path), "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    (best,) = [
        entry["sets"]["ancestral"]
        for entry in json.loads((paths.SCORES / "model2/scores.json").read_text())
        if "best" in entry["roles"]
    ]
    of_report = {k: v for k, v in best.items() if not k.startswith("validation_")}
    assert found["images"] == pytest.approx(of_report, rel=1e-6, abs=1e-6)
    real = json.loads(paths.REAL_SCORES.read_text())
    real = {k: v for k, v in real.items() if "floor" not in k}  # of several sets of real images
    assert found["real"] == pytest.approx(real, rel=1e-6, abs=1e-6)


def test_table_has_a_row_for_each_score_with_its_interval() -> None:
    scores = {"images": 1000, "fid": 3.0, "fid_below": 0.5, "fid_above": 0.5}
    scores |= {"precision": 0.8, "precision_std": 0.02, "zeros": 0.81}
    assert score.table(scores, scores | {"fid": 1.0}).splitlines()[2:] == [
        "| images | 1000 | 1000 |",
        "| fid | 3.00 [2.50, 3.50] | 1.00 [0.50, 1.50] |",
        "| precision | 0.8 ± 0.02 | 0.8 ± 0.02 |",
        "| zeros | 0.81 | 0.81 |",
    ]


BLACK = np.zeros((9, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((9, 32, 32), np.uint8), "has the shape (9, 32, 32), must be (N, 28, 28) or"),
        (BLACK[0], "has the shape (28, 28), must be"),
        (BLACK[:0], "has no images"),
        (BLACK.astype(bool), "has the type bool, must be integers or floats"),
        (BLACK - 0.5, "has values from -0.5 to -0.5, must be 0..255 in integers or 0..1 in"),
        (BLACK + 200.0, "has values from 200.0 to 200.0, must be"),
        (BLACK * np.nan, "has values from nan to nan, must be"),
        (BLACK.astype(int) + 256, "has values from 256 to 256, must be"),
        (BLACK + 1, "has integers from 1 to 1, must be 0..255"),
        (BLACK + 200, "is dark on light (mean level 200), must be light on dark"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, array: np.ndarray, sentence: str) -> None:
    path = tmp_path / "images.npy"
    np.save(path, array)
    with pytest.raises(UserError, match=re.escape(f"{path} {sentence}")):
        score.load(path, None)


def test_wrong_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    def refused(path: Path, sentence: str, name: str | None = None) -> None:
        with pytest.raises(UserError, match=re.escape(sentence)):
            score.load(path, name)

    damaged = "is damaged, or has no numbers written by numpy.save or numpy.savez"
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "empty.npy").touch()
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=BLACK, b=BLACK)
    (tmp_path / "half.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:5000])
    np.savez_compressed(tmp_path / "flipped.npz", a=np.arange(9 * 784).reshape(9, 28, 28))
    content = bytearray((tmp_path / "flipped.npz").read_bytes())
    content[200:300] = bytes(100)
    (tmp_path / "flipped.npz").write_bytes(content)
    for name in ("text.npz", "empty.npy", "objects.npy", "half.npz", "flipped.npz"):
        refused(tmp_path / name, f"{name} {damaged}")
    samples_file.save(tmp_path / "guidance.npz", dict.fromkeys("12", torch.tensor(BLACK)), {})
    refused(tmp_path / "guidance.npz", "guidance.npz has the arrays 1, 2: choose one with --set")
    refused(tmp_path / "none.npy", "none.npy does not exist")
    (tmp_path / "images.mat").touch()
    refused(tmp_path / "images.mat", "images.mat must be a folder of .png pictures, or end in")
    refused(tmp_path / "two.npz", "two.npz has the arrays a, b: choose one with --set")
    refused(tmp_path / "two.npz", "choose one with --set", "c")
    assert score.load(tmp_path / "two.npz", "b").shape == (9, 1, 28, 28)
    refused(tmp_path, f"{tmp_path} has no .png pictures")
    Image.new("L", (28, 30)).save(tmp_path / "tall.PNG")
    refused(tmp_path, "tall.PNG has 28 x 30 pixels, must have 28 x 28")

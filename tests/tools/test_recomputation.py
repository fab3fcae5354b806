"""Recorded images and validation losses are computed again from the kept weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import TINY, prepare, run_stage, write_params

from hotcold.numerics import checkpoints
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from stages import sample, train
from tools.checks import resample, validation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resample")
    prepare(folder)
    for name in TINY["models"]:
        run_stage(folder, train, name)
        run_stage(folder, sample, name)
    return folder


@pytest.mark.parametrize("name", TINY["models"])
def test_recorded_images_are_drawn_again_and_those_of_other_weights_are_refused(
    folder: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr("sys.argv", ["resample", name])
    resample.main()
    printed = capsys.readouterr().out
    assert "6 images drawn again; 100.00 % of the pixels within 2 levels" in printed
    assert "mean difference from the recorded ones is 0.000" in printed
    path = paths.weights(name)
    kept = path.read_bytes()
    weights, description = checkpoints.load(path)
    checkpoints.save(path, {key: 1.5 * x for key, x in weights.items()}, description)
    with pytest.raises(UserError, match=f"{name}: the images differ from the recorded ones"):
        resample.main()
    path.write_bytes(kept)


def test_images_of_another_precision_differ_as_much_as_rounding(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stage(folder, sample, "model2", precision="float32")
    write_params(folder, precision="bfloat16")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr(resample, "MIN_SHARE", 1.1)  # more than there can be
    monkeypatch.setattr("sys.argv", ["resample", "model2"])
    resample.main()
    assert "1.00 times the effect of rounding" in capsys.readouterr().out
    monkeypatch.setattr(resample, "MAX_RATIO", 1e6)
    with pytest.raises(UserError, match="model2, ancestral: rounding changes these images too"):
        resample.main()
    write_params(folder)


def test_another_set_and_checkpoint_can_be_compared_and_a_wrong_one_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEVICE", "cpu")
    arguments = ["resample", "model4", "--checkpoint", "last", "--set"]
    monkeypatch.setattr("sys.argv", [*arguments, "naive"])
    resample.main()
    assert "model4, last checkpoint, naive: 6 images drawn again; 100.00 %" in (
        capsys.readouterr().out
    )
    monkeypatch.setattr("sys.argv", [*arguments, "ancestral"])
    with pytest.raises(UserError, match="--set is 'ancestral', must be one of naive, improved"):
        resample.main()


def test_recorded_validation_losses_are_computed_again(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEVICE", "cpu")
    run_stage(folder, train, "model2", **{"training.weights": "float32"})
    monkeypatch.setattr("sys.argv", ["validation", "model2"])
    validation.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| model2")]
    assert len(rows) == 3  # epoch_001, best, last
    assert all(row.endswith("| 1.0000 |") for row in rows)
    path = paths.weights("model2")
    weights, description = checkpoints.load(path)
    checkpoints.save(path, {key: 1.1 * x for key, x in weights.items()}, description)
    with pytest.raises(UserError, match="model2, best: the validation loss must be within 1 %"):
        validation.main()

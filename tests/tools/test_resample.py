"""The check that recorded images can be drawn again from the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import TINY, prepare, run_stage

from diffusion.runtime import checkpoints, paths
from diffusion.runtime.errors import UserError
from stages import sample, train
from tools.checks import resample


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
    assert "6 images drawn again; 100.00 % of the pixels" in printed
    assert "mean difference is 0.000" in printed
    path = paths.weights(name)
    weights, description = checkpoints.load(path)
    checkpoints.save(path, {key: 1.5 * x for key, x in weights.items()}, description)
    with pytest.raises(UserError, match=f"{name}: the images differ from the recorded ones"):
        resample.main()

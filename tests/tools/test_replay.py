"""Recorded images and losses are computed again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from conftest import TINY, run_stage

from hotcold import samples_file
from hotcold.numerics import checkpoints
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load
from stages import sample, train
from tools.checks import replay
from tools.copy_project import write_params

Replay = Callable[..., list[list[str]]]
SETTINGS = {"precision": "float32", "training.weights": "float32"}


@pytest.fixture(scope="module")
def folder(prepared: Path) -> Path:
    for name, stage in product(TINY["models"], (train, sample)):
        run_stage(prepared, stage, name, **SETTINGS)
    return prepared


@pytest.fixture
def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Replay:
    """The cells of the rows that the command prints."""

    def run(*arguments: str) -> list[list[str]]:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        replay.main(list(arguments), standalone_mode=False)
        printed = capsys.readouterr().out.splitlines()
        return [line[2:-2].split(" | ") for line in printed if line.startswith("| model")][1:]

    return run


@contextmanager
def scaled(path: Path, factor: float) -> Iterator[None]:
    """Other weights, until the end."""
    kept = path.read_bytes()
    weights, description = checkpoints.load(path)
    checkpoints.save(path, {key: factor * x for key, x in weights.items()}, description)
    yield
    path.write_bytes(kept)


@pytest.mark.parametrize("name", TINY["models"])
def test_recorded_images_are_drawn_again_and_those_of_other_weights_disagree(
    run: Replay, folder: Path, name: str
) -> None:
    key = "improved" if name == "model4" else "ancestral"
    label = f"20 images drawn again, best, {key}"
    result = "100.00 % of the pixels within 2 levels, mean difference 0.000"
    limit = "95 %"
    assert run("images", name) == [[name, label, result, limit, "agrees"]]
    with (
        scaled(folder / paths.weights(name), 1.5),
        pytest.raises(UserError, match=f"these checks disagree: {name}, {label}$"),
    ):
        run("images", name)


def test_images_are_drawn_with_the_seed_of_their_noise(run: Replay, folder: Path) -> None:
    params = folder / paths.PARAMS
    kept, values = params.read_text(), load(params)
    values["sampling"]["seed"] = 7
    write_params(params, values)
    with pytest.raises(UserError, match="these checks disagree"):
        run("images", "model2")
    params.write_text(kept)


def test_images_of_a_sampler_with_an_interval_are_drawn_again(run: Replay, folder: Path) -> None:
    path = folder / paths.samples("model2", 2)
    kept = path.read_bytes()
    sets, description = samples_file.load(path)
    auto = {"checkpoint": 1, "weight": 2.0}
    plain = {"autoguidance": auto, "guidance_interval": [0.0, 1e-9]}  # which has no step
    samples_file.save(path, sets, description | {"sampler": description["sampler"] | plain})
    assert [row[-1] for row in run("images", "model2")] == ["agrees"]
    path.write_bytes(kept)


def test_another_set_and_checkpoint_can_be_compared_and_a_wrong_one_is_refused(run: Replay) -> None:
    arguments = ["images", "model4", "--checkpoints", "last", "--checkpoints", "epoch_001", "--set"]
    assert [row[1] for row in run(*arguments, "naive")] == [
        "20 images drawn again, last, naive",
        "2 images drawn again, epoch_001, naive",
    ]
    with pytest.raises(UserError, match="--set is 'ancestral', must be one of naive, improved"):
        run(*arguments, "ancestral")


def test_recorded_validation_losses_are_computed_again(run: Replay, folder: Path) -> None:
    rows = run("losses", "model2", "model4")
    assert [row[1] for row in rows[:3]] == [
        f"validation loss, {checkpoint}" for checkpoint in ("best", "epoch_001", "last")
    ]
    assert len(rows) == 6
    for _, _, result, limit, verdict in rows:
        assert re.fullmatch(r"([\d.]+), recorded \1", result)
        assert (limit, verdict) == ("1 %", "agrees")
    with (
        scaled(folder / paths.weights("model2"), 1.1),
        pytest.raises(UserError, match=r"disagree: model2, validation loss, best$"),
    ):
        run("losses", "model2", "--checkpoints", "last", "--checkpoints", "best")
    (folder / paths.MODELS / "model7").mkdir()
    with pytest.raises(UserError, match="there are no weights of 'model7' in results/models"):
        run("losses", "model7")

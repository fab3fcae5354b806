"""The table of several sizes of noise."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import TINY, write_params

from diffusion.reporting.figures.noise_axis import draw_axes
from diffusion.reporting.measured import NOISE_AXIS, NOISE_COLUMNS
from diffusion.reporting.measured import noise_axis as rows
from diffusion.runtime.errors import UserError
from diffusion.runtime.files import write_csv
from tools import noise_axis

HEAT = {
    "degradation": {"kind": "dissipation", "std": [0.3, 20.0], "noise": 0.05, "T": 5},
    "network": {"kind": "unet", "channels": [8, 8, 8], "predicts": "x_0"},
    "training": {"learning_rate": 1.0e-3},
    "sampler": {"kind": "inverse_dissipation"},
}
SCORES = [key for key in NOISE_COLUMNS if key not in ("model", "noise", "epoch", "commit")]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[str], str]]:
    """The experiments that the tool asked for. Their FID is 10 plus the number of the run."""
    write_params(tmp_path, models=TINY["models"] | {"heat": HEAT})
    monkeypatch.chdir(tmp_path)
    asked: list[tuple[str, Sequence[str], str]] = []
    monkeypatch.setattr(noise_axis, "run_alone", lambda *options: asked.append(options))
    monkeypatch.setattr(
        noise_axis,
        "best_checkpoint",
        lambda name, model: {
            "epoch": 2,
            "main": "inverse_dissipation",
            "sets": {"inverse_dissipation": dict.fromkeys(SCORES, 10.0 + len(asked))},
        },
    )
    return asked


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["noise_axis", *arguments])
    noise_axis.main()


def test_every_size_is_an_experiment_and_a_row_in_order(
    runs: list[tuple[str, Sequence[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "heat", "0.1", "0")
    assert runs == [
        (f"heat-noise-{size}", ["-S", f"models.heat.degradation.noise={size}"], "evaluate@heat")
        for size in ("0.1", "0")
    ]
    run(monkeypatch, "heat", "0.02", "0.1")
    found = {noise: float(row["fid"]) for noise, row in rows().items()}
    assert found == {0.0: 12.0, 0.02: 13.0, 0.1: 14.0}  # the new row of 0.1 replaces the old one
    assert list(found) == sorted(found)
    assert {(row["model"], row["epoch"]) for row in rows().values()} == {("heat", "2")}
    figure = draw_axes(rows(), [], {"heat": "#000000"}, real=0.5)
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["0", "0.02", "0.1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("model4", "0.1"), "model4 has impulse degradation, must have dissipation"),
        (("none", "0.1"), "models.none"),
    ],
)
def test_other_models_are_refused_before_any_run(
    arguments: tuple[str, ...],
    sentence: str,
    runs: list[tuple[str, Sequence[str], str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match=sentence):
        run(monkeypatch, *arguments)
    assert not runs


@pytest.mark.parametrize("size", ["2", "-0.1", "much", "nan"])
def test_sizes_out_of_range_are_refused(
    size: str,
    runs: list[tuple[str, Sequence[str], str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "heat", size)
    assert "is not a size of noise, must be in 0..1" in capsys.readouterr().err
    assert not runs


def test_a_table_with_other_columns_counts_as_none(
    runs: list[tuple[str, Sequence[str], str]],
) -> None:
    write_csv(NOISE_AXIS, ("noise", "fid"), [(0.1, 3.0)])
    assert rows() == {}

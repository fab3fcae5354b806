"""Kinds whose parts do not fit are refused before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, write_params
from torch import Tensor, nn

import hotcold.networks
from hotcold.models import kinds
from hotcold.models.bases import MEAN_SQUARED, Predicted
from hotcold.processes.impulse.params import ImpulseParams
from hotcold.runtime.errors import UserError

BEHAVIOUR = kinds.behaviour
MODELS: dict[str, Any] = {"model4": TINY["models"]["model4"]}


class Wide(nn.Module):
    """A network with three channels, which a loss would broadcast."""

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        return x_t.expand(-1, 3, -1, -1)


class WithoutTime(nn.Module):
    def forward(self, x_t: Tensor) -> Tensor:
        return x_t


@pytest.mark.parametrize(
    ("family", "other", "sentence"),
    [
        ("networks", lambda *_: Wide(), r"output of the network is \(2, 3, 28, 28\), not \(2, 1, "),
        ("networks", lambda *_: WithoutTime(), "takes 2 positional arguments but 3 were given"),
        ("networks", lambda block: Wide(), "takes 1 positional argument but 3 were given"),
        ("samplers", lambda sampler, predict: {}, "too many positional arguments"),
        (
            "processes",
            lambda block: BEHAVIOUR("processes", "blur", "build")({"std": 1.0, "T": 9}),
            "the schedule has 9 steps, not T, 5",
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(
    family: str,
    other: Callable[..., Any],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def behaviour(of: str, kind: object, function: str) -> Callable[..., Any]:
        return other if of == family else BEHAVIOUR(of, kind, function)

    monkeypatch.setattr(kinds, "behaviour", behaviour)
    start = r"models\.model4 cannot be built from the process impulse, the network cnn and the "
    with pytest.raises(UserError, match=rf"{start}sampler cold: .*{sentence}"):
        write_params(tmp_path, models=MODELS)


def test_sampler_without_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"x_0": Predicted(("cold", "ghost"), "x₀", MEAN_SQUARED)}
    monkeypatch.setattr(ImpulseParams, "predictions", named)
    sentence = r"impulse/params\.py names the sampler 'ghost', which has no folder"
    with pytest.raises(UserError, match=sentence):
        write_params(tmp_path, models=MODELS)
    with pytest.raises(TypeError, match="samplers is 'cold', must be a tuple"):
        Predicted("cold", "x₀", MEAN_SQUARED)  # type: ignore[arg-type]


def test_folder_without_init_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/params.py").touch()
    monkeypatch.setattr(hotcold.networks, "__path__", [str(tmp_path)])
    with pytest.raises(UserError, match=r"^hotcold/networks/new/__init__\.py is missing$"):
        kinds.names("networks")

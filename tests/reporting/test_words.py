"""Losses beside the published ones, and learning rates, in sentences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hotcold.reporting.text import words


def model(name: str, train: list[float], validation: list[float], rates: list[float]) -> Any:
    columns = {
        "epoch": 1.0 + np.arange(len(train)),
        "train_loss": np.array(train),
        "validation_loss": np.array(validation),
        "learning_rate": np.array(rates),
    }
    return SimpleNamespace(name=name, column=columns.__getitem__)


def test_losses_are_divided_by_the_published_ones_of_the_same_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nan, n = np.nan, 5
    known = {
        "few": (np.array([1, 3, 9]), np.array([2.0, nan, 1.0]), np.array([4.0, 2.0, 1.0])),
        "many": (1 + np.arange(n), np.full(n, 2.0), np.arange(1.0, n + 1)),
        "later": (np.array([9]), np.array([1.0]), np.array([1.0])),
    }
    monkeypatch.setattr(words, "published_losses", lambda published: known)
    models = [
        model("few", [1.0, 8.0, 8.0], [2.0, 8.0, 3.0], [0.1] * 3),
        model("many", [4.0, 2.0, 2.0, 1.0, 2.0], [1.0, 2.0, 6.0, 2.0, 5.0], [0.1] * n),
        model("later", [1.0], [1.0], [0.1]),
        model("unknown", [1.0], [1.0], [0.1]),
    ]
    few, also_few, many, also_many = words.losses_compared(models, {"early_epoch": 4})
    assert few == "The training loss of few is 0.50 times the published one at epoch 1."
    assert also_few.endswith("0.50 times the published one at epoch 1 and 1.50 times at epoch 3.")
    assert "0.50 to 2.00 times the published one over 5 epochs, and 0.50 to 1.00" in many
    assert "0.50 to 2.00 times the published one over 5 epochs, and 0.50 to 1.00" in also_many


def test_epochs_with_a_lower_learning_rate_are_those_of_a_plateau() -> None:
    losses = [1.0] * 4
    models = [
        model("twice", losses, losses, [0.4, 0.2, 0.2, 0.1]),
        model("never", losses, losses, [0.4] * 4),
        model("cosine", losses, losses, [0.4, 0.3, 0.2, 0.1]),
    ]
    plateaus = {"twice": {"factor": 0.5}, "never": {"factor": 0.5}, "cosine": None}
    recipes = {name: {"plateau": plateau} for name, plateau in plateaus.items()}
    assert list(words.lowered_rates(models, recipes)) == [
        "The learning rate of twice is lowered before epochs 2 and 4.",
        "The learning rate of never is never lowered.",
    ]

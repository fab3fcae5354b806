"""The budget of training and sampling, compared with that of the published report."""

from __future__ import annotations

import pytest

from hotcold.reporting.text.budget import Budget

PUBLISHED = {"epochs": 75, "images": 48_000, "samples": 1000, "models": {"a": {}, "b": {}}}


def budget(*epochs: int, images: int = 48_000, samples: int = 1000) -> Budget:
    return Budget(dict(zip("abcd", epochs, strict=False)), images, samples, PUBLISHED)


@pytest.mark.parametrize(
    ("epochs", "words"),
    [((10, 10), "10 epochs"), ((20, 10, 10), "10 (b and c) or 20 (a) epochs")],
)
def test_different_epochs_are_stated_by_model(epochs: tuple[int, ...], words: str) -> None:
    assert budget(*epochs).words == words


def test_the_model_with_the_fewest_epochs_decides() -> None:
    """10 published epochs suffice for conclusions, and 75 are the complete budget."""
    assert not budget(9, 75).conclusive
    assert budget(10, 75).conclusive
    assert not budget(10, 75).complete
    assert not budget(75, 74).complete
    assert budget(75, 80).complete
    assert budget(75, 80, 10).complete  # c is not in the published report
    assert not budget(75, 80, images=47_000).complete


def test_few_scored_images_allow_no_conclusion() -> None:
    assert not budget(75, samples=999).conclusive
    assert not budget(75, samples=999).complete

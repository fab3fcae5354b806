"""Numbers, lists and the budget as text, and what a budget allows to say."""

from __future__ import annotations

import pytest

from hotcold.reporting.reading import formatting
from hotcold.reporting.text.budget import Budget


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["model2"], "model2"),
        (["model1", "model2"], "model1 and model2"),
        (["model5", "model6", "model7"], "model5 to model7"),
        (["model9", "model10", "model11"], "model9 to model11"),
        (["model1", "model2", "model4"], "model1, model2 and model4"),
        (["8", "9", "b"], "8, 9 and b"),
    ],
)
def test_models_that_follow_one_another_are_a_range(items: list[str], words: str) -> None:
    assert formatting.names(items) == words


def test_a_score_has_the_same_digits_in_sentences_and_in_tables() -> None:
    scores = {"fid": 11.97, "fid_below": 0.8701, "fid_above": 0.8699, "kid": 0.31}
    assert formatting.interval(scores, "fid") == "11.97 [11.10, 12.84]"
    assert formatting.fixed(scores["kid"], "kid") == "0.3100"


def test_large_counts_have_commas() -> None:
    assert [formatting.count(n) for n in (1000, 10_000, 48_000)] == ["1000", "10,000", "48,000"]


PUBLISHED = {"epochs": 75, "images": 48_000, "samples": 1000, "models": {"a": {}, "b": {}}}


def budget(*epochs: int, images: int = 48_000, samples: int = 1000) -> Budget:
    return Budget(dict(zip("abcd", epochs, strict=False)), images, samples, PUBLISHED)


@pytest.mark.parametrize(
    ("epochs", "words"), [((10, 10), "10 epochs"), ((20, 10, 10), "10 (b and c) or 20 (a) epochs")]
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

"""Numbers and lists as text."""

from __future__ import annotations

import pytest

from hotcold.reporting.reading import formatting


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

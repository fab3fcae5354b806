"""How a command ends, and what its sentences show."""

from __future__ import annotations

import pytest
import torch

from hotcold.runtime import errors


def out_of_memory() -> None:
    raise MemoryError


@pytest.mark.parametrize("work", [lambda: torch.empty(2**60), out_of_memory])
def test_lack_of_memory_ends_a_command_with_a_sentence(work: object) -> None:
    with pytest.raises(SystemExit) as end:
        errors.run(work)
    assert str(end.value).startswith("error: not enough memory (")
    assert str(end.value).endswith("use smaller batches, a smaller network or fewer images")


def test_other_errors_of_pytorch_are_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="must match the size"):
        errors.run(lambda: torch.zeros(2) + torch.zeros(3))


def test_values_of_any_size_are_shown_in_one_short_line() -> None:
    assert errors.shown({"a": (1, 2.5, None), "b": "text"}) == "{'a': (1, 2.5, None), 'b': 'text'}"
    cycle: list = [1]
    cycle.append(cycle)
    nested: tuple = ("x",) * 9
    for _ in range(5):
        nested = (nested,) * 9
    for value in (cycle, nested, "x" * 10**6, "a\nb\x1b[31m", 10**4000):
        text = errors.shown(value)
        assert text.isprintable()
        assert len(text) <= errors.LONGEST + 10


def test_text_of_others_is_shown_in_one_line_without_control_characters() -> None:
    assert errors.bounded("a\nb  c é") == "a b c é"
    assert errors.bounded("\x1b[31mred \x9b\u202e") == r"\x1b[31mred \x9b\u202e"
    assert errors.bounded("\x1b" * 10**4, 8) == r"\x1b\x1b..."

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


def test_text_of_others_is_shown_in_one_line() -> None:
    assert errors.bounded("a\nb  c é") == "a b c é"
    assert errors.bounded("x" * 10**4) == "x" * errors.LONGEST + "..."

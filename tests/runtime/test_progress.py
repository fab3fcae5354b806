"""Progress of long computations, as text."""

from __future__ import annotations

import pytest

from hotcold.runs import progress


def test_progress_is_printed_as_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Progress("train", 100) as bar:
        for _ in range(50):
            now[0] += 1
            bar.advance()
        bar.note("half done")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: 21 of 100, 01:19 left"
    assert lines[1:] == ["train: 42 of 100, 00:58 left", "half done"]

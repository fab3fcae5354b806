"""What tools.leftovers says of a pipeline or a lock that is damaged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import write_params

from hotcold.runtime.errors import UserError
from tools import leftovers


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["leftovers"])
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "stages: []",
        "stages: {a: null}",
        "stages: {a: {outs: null}}",
        "stages: {a: {outs: [1]}}",
    ],
)
def test_pipeline_that_is_none_is_named(folder: Path, content: str) -> None:
    (folder / "dvc.yaml").write_text(content)
    with pytest.raises(UserError, match=r"dvc\.yaml is damaged: dvc status says where"):
        leftovers.main()


def test_lock_that_is_not_text_has_no_records(folder: Path) -> None:
    (folder / "dvc.yaml").write_text("stages: {a: {outs: [results/a]}}\nartifacts:\n")
    (folder / "dvc.lock").write_bytes(b"\xff\xfe")
    leftovers.main()
    assert (folder / "dvc.lock").read_bytes() == b"\xff\xfe"

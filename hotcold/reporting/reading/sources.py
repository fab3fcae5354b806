"""Files that a person edits, each checked against a schema: a fault is a sentence with the file and
what is wrong in it. What stages write needs no check: DVC restores it before the next stage.

No text of a file is Markdown or mathematics, which templates alone contain, see `plain`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from hotcold.numerics import tables
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, printable
from hotcold.runtime.params import load, validate

MEDIA = paths.REPORT / "media"  # vector graphics and frames of films, which the page contains
MARKUP = re.compile(r"[\\`*\[\]<>|$~&#^]")
MEASURED = paths.REPORT / "measured"  # may have rows that git does not hold


def plain(value: Any) -> Any:
    """A value of JSON, YAML or CSV, of which every text shows itself where it is in Markdown."""
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    return _escaped(value) if isinstance(value, str) else value


@cache
def _escaped(text: str) -> str:
    return MARKUP.sub(r"\\\g<0>", printable(text))


def read_yaml(path: Path, schema: Any) -> dict[str, Any]:
    """The value of a YAML file. Raises UserError if it is missing or does not fit the schema."""
    value = load(path)
    validate(value, schema, path)
    return plain(value)


def read_table(path: Path, schema: Any) -> list[dict[str, str]]:
    """The rows of a CSV file. Raises UserError if it is missing or has a row that does not fit the
    schema."""
    try:
        rows = tables.read_csv(path)
    except UserError:
        raise UserError(
            f"{path} must be a table whose rows have one length: correct it, or restore it from git"
        ) from None
    lines = {f"line {number}": row for number, row in enumerate(rows, start=2)}
    validate(lines, dict[str, schema], path)
    return plain(rows)

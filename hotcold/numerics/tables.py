"""Results as JSON and as CSV: the same values give the same bytes."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hotcold.runtime.errors import UserError
from hotcold.runtime.files import read_text, write


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON."""
    write(path, (json.dumps(value, indent=1) + "\n").encode())


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table with a header."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    write(path, text.getvalue().encode())


def read_json(path: Path) -> Any:
    """Raises UserError if the file is missing or is not JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged: delete it and run dvc repro") from None


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table, by column name. Raises UserError if the file is missing or damaged."""
    text = io.StringIO(read_text(path), newline="")
    try:
        rows = list(csv.DictReader(text, strict=True))
    except csv.Error:
        rows = []
    if not rows or any(None in row or None in row.values() for row in rows):
        raise UserError(f"{path} is damaged: delete it and run dvc repro")
    return rows

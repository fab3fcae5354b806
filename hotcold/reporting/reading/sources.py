"""The only reader of small files for figures and report: every one is checked against a schema.

A fault is one sentence: the file, what is wrong in it, and what restores it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hotcold.numerics import tables
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, bounded
from hotcold.runtime.params import parse, validate

MEDIA = paths.REPORT / "media"  # vector graphics and frames of films, which the page contains
MEASURED = paths.REPORT / "measured"  # may have rows that git does not hold
COMPUTED = (paths.RESULTS, paths.FIGURES, paths.PLOTS, MEDIA, paths.INCEPTION)
FAULTS = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)


def damaged(path: Path, fault: object) -> UserError:
    """The error of a damaged file; fault: what is wrong in it."""
    if is_computed(path):
        remedy = "delete it and run dvc repro"
    elif MEASURED in path.parents:
        remedy = "correct it, or restore it from git"
    else:
        remedy = f"correct it, or run git checkout {path}"
    return UserError(f"{path} is damaged ({bounded(fault)}): {remedy}")


def missing(path: Path) -> UserError:
    """The error of a file that does not exist."""
    command = "dvc repro" if is_computed(path) else f"git checkout {path}"
    return UserError(f"{path} is missing: run {command}")


def is_computed(path: Path) -> bool:
    """Whether a stage writes a file; git or the user holds the others."""
    return not set(COMPUTED).isdisjoint(path.parents)


@contextmanager
def checking(path: Path) -> Iterator[None]:
    """Raise UserError, with the file and what restores it, instead of any error of its content."""
    try:
        yield
    except UserError as error:  # of a parser or a schema, one line for each fault
        first = str(error).splitlines()[0]
        raise damaged(path, first.removeprefix(str(path)).removeprefix(":").strip()) from None
    except FAULTS as error:
        name = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise damaged(path, f"{name}{error}") from None


def read_text(path: Path) -> str:
    """Raises UserError if the file is missing, is not a file, or is not UTF-8."""
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except IsADirectoryError:
        raise damaged(path, "it is a folder") from None
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is not UTF-8 text: byte {error.start} is not") from None


def read_json(path: Path, schema: Any) -> Any:
    """The value of a JSON file. Raises UserError if it is missing or does not fit the schema."""
    text = read_text(path)
    with checking(path):
        value = json.loads(text)
        validate(as_tuples(value), schema, path)
    return value


def read_yaml(path: Path, schema: Any) -> dict[str, Any]:
    """The value of a YAML file. Raises UserError if it is missing or does not fit the schema."""
    text = read_text(path)
    with checking(path):
        value = parse(text, str(path))
        validate(value, schema, path)
    return value


def read_table(path: Path, schema: Any) -> list[dict[str, str]]:
    """The rows of a CSV file. Raises UserError if it is missing, is cut, or has a row that does not
    fit the schema."""
    text = read_text(path)
    if not text.endswith("\n"):
        raise damaged(path, "its last line has no end" if text else "it is empty")
    try:
        rows = tables.read_csv(path)
    except UserError:
        raise damaged(path, "it is not a table, or has a row of another length") from None
    with checking(path):
        lines = {f"line {number}": row for number, row in enumerate(rows, start=2)}
        validate(lines, dict[str, schema], path)
    return rows


def as_tuples(value: Any) -> Any:
    """A value of JSON with tuples for lists, as the schemas have them."""
    if isinstance(value, dict):
        return {key: as_tuples(inside) for key, inside in value.items()}
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value

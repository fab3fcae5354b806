"""Files: written atomically, read with an error message that names the command to run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.startup import is_orphaned


def check_output(path: Path) -> None:
    """Raise UserError before an orphaned stage, whose dvc has ended, writes to an output.

    Another run may have written newer results there. State in scratch may always be written.
    """
    if is_orphaned() and paths.RESUME.parent.name not in path.parts:
        raise UserError(f"{path} is not written, because the dvc that started this has ended")


def write(path: Path, content: bytes) -> None:
    """Replace a file atomically: a reader sees either the new content or the old. See
    `check_output`. Raises OSError, with the path, if that fails; no partial file remains."""
    check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # the content must reach the disk before the name
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def read_bytes(path: Path) -> bytes:
    """Raises UserError if the file is missing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run dvc repro") from None


def read_text(path: Path) -> str:
    """Raises UserError if the file is missing or is not UTF-8."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise UserError(f"{path} is damaged: delete it and run dvc repro") from None


def empty_folder(path: Path) -> Path:
    """Create a folder, or delete what an earlier run left in it. See `check_output`. Raises
    OSError, with the path, if that fails."""
    check_output(path)
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    path.mkdir(parents=True)
    return path

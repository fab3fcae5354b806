"""The picture that a command writes: its path is checked before any work, and it is whole."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hotcold.runtime import files
from hotcold.runtime.errors import UserError


def check(path: Path, *inputs: Path | None) -> None:
    """Raises UserError if a path is not that of a picture in a folder that exists, or if it is one
    of the files that are read."""
    if path.suffix.lower() != ".png":
        raise UserError(f"--output is {path}, must end in .png")
    if path.is_dir():
        raise UserError(f"--output is {path}, which is a folder, must be a file")
    if not os.access(path.absolute().parent, os.W_OK):
        raise UserError(f"--output is {path}: there is no writable folder {path.parent}")
    if path.resolve() in [each.resolve() for each in inputs if each]:
        raise UserError(f"--output is {path}, which is read, must be another file")


def write(path: Path, save: Callable[..., object], **options: Any) -> None:
    """Write a picture atomically; save: the method of an image or a figure, with its options.

    Raises OSError, with the path, if it cannot be written; an earlier file then remains.
    """
    content = io.BytesIO()
    save(content, format="png", **options)
    files.write(path, content.getvalue())

"""How a command ends: with one sentence for what the user can correct, and an exit code."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

from diffusion.runtime.startup import end_at_signals

DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
LONGEST = 200  # characters of a value, or of another library's message


class UserError(Exception):
    """An error that the user can correct. One sentence: what is wrong, where, what is allowed."""


def bounded(text: object) -> str:
    """A text for a message, or at most LONGEST characters of it, on one line."""
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def run(main: Callable[[], None]) -> None:
    """Run the main function of a stage or tool.

    A UserError, or a disk that cannot be written or read, ends it with a sentence and exit code 1.
    """
    program = sys.modules["__main__"].__spec__
    if program and program.name.startswith(("stages.", "tools.")):  # not a test
        end_at_signals(sys.exit)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in DISK:
            raise
        sys.exit(
            f"error: {error.filename or 'a file'} could not be written or read: "
            f"{error.strerror}; correct that and run dvc repro"
        )

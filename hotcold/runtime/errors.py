"""How a command ends: with one sentence for what the user can correct, and an exit code."""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Callable
from unicodedata import category

from hotcold.runtime.startup import end_at_signals

FULL = (errno.ENOSPC, errno.EDQUOT)  # also without a path, as of a write
# PyTorch on a GPU, on a CPU, and the C++ library; Python and NumPy raise MemoryError
MEMORY = ("out of memory", "can't allocate memory", "bad_alloc")
UNUSABLE = (
    "error: {path} could not be written or read: {reason}; correct that and run the command again"
)
LONGEST = 200  # characters of a value, or of another library's message


class UserError(Exception):
    """An error that the user can correct. One sentence: what is wrong, where, what is allowed."""


def printable(text: object) -> str:
    """A text on one line, in which no character controls a terminal."""
    line = " ".join(str(text).split())
    if line.isprintable():
        return line
    return "".join("\N{REPLACEMENT CHARACTER}" if category(c)[0] == "C" else c for c in line)


def bounded(text: object) -> str:
    """A text for a message, or its first characters, on one line."""
    line = printable(text)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def run(main: Callable[[], None]) -> None:
    """Run the main function of a stage or tool. After a UserError, with an unusable disk or too
    little memory, it ends with a sentence and exit code 1."""
    program = sys.modules["__main__"].__spec__
    if program and program.name.startswith(("stages.", "tools.")):  # not a test
        end_at_signals(sys.exit)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except shutil.Error as error:  # of the copy of a folder: (source, target, reason) of each file
        _, path, reason = error.args[0][0]
        sys.exit(UNUSABLE.format(path=path, reason=bounded(reason)))
    except OSError as error:
        if not error.filename and error.errno not in FULL:
            raise
        sys.exit(UNUSABLE.format(path=error.filename or "a file", reason=error.strerror))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in MEMORY):
            raise
        sys.exit(
            f"error: not enough memory ({bounded(error) or 'no details'}): "
            "use smaller batches, a smaller network or fewer images"
        )

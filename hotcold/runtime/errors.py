"""How a command ends: with one sentence for what the user can correct, and an exit code."""

from __future__ import annotations

import errno
import reprlib
import shutil
import sys
from collections.abc import Callable

from hotcold.runtime.startup import end_at_signals

DISK = {  # no space, no right, no such file, or something else in its place
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EBUSY),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ENOTEMPTY, errno.ELOOP),
    *(errno.ENODEV, errno.ENXIO, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.EIO),
}
# PyTorch on a GPU, on a CPU, and the C++ library; Python and NumPy raise MemoryError
MEMORY = ("out of memory", "can't allocate memory", "bad_alloc")
UNUSABLE = (
    "error: {path} could not be written or read: {reason}; correct that and run the command again"
)
LONGEST = 200  # characters of a value, or of another library's message


class UserError(Exception):
    """An error that the user can correct. One sentence: what is wrong, where, what is allowed."""


def bounded(text: object, longest: int = LONGEST) -> str:
    """A text for a message, or its first characters, on one line; control characters escaped."""
    words = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return line if len(line) <= longest else f"{line[:longest]}..."


def shown(value: object) -> str:
    """A value for a message, as `repr` writes it, however large or deeply nested it is."""
    short = reprlib.Repr()
    short.maxlevel, short.maxtuple, short.maxlist, short.maxdict = 4, 40, 40, 40
    short.maxstring = short.maxlong = short.maxother = LONGEST
    return bounded(short.repr(value))


def run(main: Callable[[], None]) -> None:
    """Run the main function of a stage or tool.

    A UserError, a disk that cannot be written or read, or a lack of memory ends it with a sentence
    and exit code 1.
    """
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
        if error.errno not in DISK:
            raise
        sys.exit(UNUSABLE.format(path=error.filename or "a file", reason=error.strerror))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in MEMORY):
            raise
        sys.exit(
            f"error: not enough memory ({bounded(error) or 'no details'}): "
            "use smaller batches, a smaller network or fewer images"
        )

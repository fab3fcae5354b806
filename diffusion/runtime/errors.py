"""How a stage ends: with a sentence for the person at the keyboard, or at a signal.

Stages import this before PyTorch, whose import takes seconds: a signal at that time then ends
them with a line too. And two settings must stand before PyTorch starts its threads and takes
memory:

- Threads share the processor. Those of GNU's OpenMP would spin while they wait for each other, and
  two stages at a time on the same cores would take three times as long as one after the other.
  Spinning for a moment costs nothing.
- Freed memory stays with the process. The C library of GNU would give every large tensor back to
  the system, and the next one would be filled with zeros page by page, which takes up to a
  sixth of a training step.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType


def keep_freed_memory() -> None:
    """Let GNU's allocator take every block from one heap that never shrinks (mallopt in malloc.h);
    other C libraries are left as they are."""
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(arena_max, 1)
        for option in (mmap_threshold, trim_threshold):
            mallopt(option, 2**31 - 1)


os.environ.setdefault("GOMP_SPINCOUNT", "1000")
keep_freed_memory()
STARTED_BY = os.getppid()
LAUNCHED = "TORCHELASTIC_RUN_ID"  # set by torchrun in the processes that it starts
LAUNCHED_FOR = "LAUNCHED_FOR"  # set where a launcher stands between DVC and this process: DVC's id
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


class UserError(Exception):
    """Something the user can put right: one sentence, what is wrong, where, what is allowed."""


def orphaned() -> bool:
    """Whether DVC started this process and is gone since: nobody waits for its outputs."""
    if "DVC_ROOT" not in os.environ:
        return False
    if os.getppid() != STARTED_BY:
        return True
    try:
        os.kill(int(os.environ.get(LAUNCHED_FOR, STARTED_BY)), 0)
    except ProcessLookupError:
        return True
    return False


def speaks() -> bool:
    """Whether this process prints, of those that torchrun started: the first one."""
    return os.environ.get("RANK", "0") == "0"


def leave_at_signals(leave: Callable[[int], object]) -> None:
    """From here on, Ctrl-C and kill end a stage with a line and the exit code that shells give.

    leave: `sys.exit` for an orderly end.
    """
    program = sys.modules["__main__"].__spec__
    if not program or not program.name.startswith(("stages.", "tools.")):  # a test
        return

    def end(number: int, frame: FrameType | None) -> None:
        if LAUNCHED not in os.environ:  # else the launcher says it, once
            print(f"\nstopped by {signal.Signals(number).name}", file=sys.stderr, flush=True)
        leave(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and the like stay
            signal.signal(number, end)


def run(main: Callable[[], None]) -> None:
    """Run a stage; what the user can put right ends it with a sentence and exit code 1."""
    leave_at_signals(sys.exit)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in DISK:
            raise
        sys.exit(
            f"error: {error.filename or 'a file'} could not be written or read: "
            f"{error.strerror}; put that right and run dvc repro"
        )


leave_at_signals(os._exit)  # an exception could be lost in what the imports run

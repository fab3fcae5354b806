"""Start-up of a command, before PyTorch is imported: threads, memory and signals.

Importing the package `stages` or `tools` calls `prepare`, so the settings are made before any of
their modules imports PyTorch, which takes seconds:

- GNU OpenMP threads stop spinning after a moment. Otherwise two stages that share the same cores
  take three times as long as one after the other.
- The GNU C library keeps freed memory in the process. Otherwise it returns every large tensor to
  the system, and the next one is filled with zeros page by page, which takes up to a sixth of a
  training step.
- SIGINT and SIGTERM end the process with one line, also while the imports still run.
- The project's modules run as their sources are, see `sources`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType

from hotcold.runtime import sources

PARENT = os.getppid()
SIGNALS = (signal.SIGINT, signal.SIGTERM)
LAUNCHED = "TORCHELASTIC_RUN_ID"  # torchrun sets it in every process that it starts
DVC_PROCESS = "LAUNCHED_FOR"  # the process ID of dvc, where torchrun runs between dvc and a rank


def prepare() -> None:
    """Make the settings above. Call it before PyTorch is imported."""
    sources.install()
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    sys.excepthook = show_error
    keep_freed_memory()
    if sys.argv[:1] == ["-m"]:  # `python -m stages.train` still imports the package `stages`
        end_at_signals(os._exit)  # an exception could be lost in the imports


def show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the sentence of a UserError that an import raises, as of a kind without a part."""
    from hotcold.runtime.errors import UserError

    if issubclass(kind, UserError):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def keep_freed_memory() -> None:
    """Serve all allocations from one heap that never shrinks (mallopt in malloc.h).

    Does nothing without the GNU C library.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(arena_max, 1)
        for option in (mmap_threshold, trim_threshold):
            mallopt(option, 2**31 - 1)


def end_at_signals(end: Callable[[int], object]) -> None:
    """Call `end` with the exit code of a shell, 128 + signal, at SIGINT and SIGTERM.

    end: `sys.exit` for an orderly end, `os._exit` for an immediate one.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        if LAUNCHED not in os.environ:  # the launcher prints the line, once for all ranks
            print(f"\nstopped by {signal.Signals(number).name}", file=sys.stderr, flush=True)
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # a second one would interrupt the orderly end
        end(128 + number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and background jobs ignore them
            signal.signal(number, handle)


def is_run_by_dvc() -> bool:
    """Whether dvc started this process and waits for its outputs."""
    return "DVC_ROOT" in os.environ and not is_orphaned()


def is_orphaned() -> bool:
    """Whether dvc started this process and has ended since, so that nobody takes its outputs."""
    if "DVC_ROOT" not in os.environ:
        return False
    if os.getppid() != PARENT:
        return True
    try:
        os.kill(int(os.environ.get(DVC_PROCESS, PARENT)), 0)
    except ProcessLookupError:
        return True
    return False

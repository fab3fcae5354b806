"""A file over the network, with limits of its size, of every wait, and of the total time; a file of
a disk, with a limit of its size."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import signal
import string
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hotcold.runtime.errors import LONGEST, bounded

TIMEOUT = 20  # seconds without a byte
START = 60  # seconds for a file of any size
SLOWEST = 50_000  # bytes per second, after that
BLOCK = 1 << 16  # bytes


class FetchError(Exception):
    """Why a source could not be used, in a line of bounded length, whatever a server sends."""

    def __init__(self, reason: object) -> None:
        super().__init__(bounded(reason, 3 * LONGEST))


class Redirections(urllib.request.HTTPRedirectHandler):
    """Follows redirections, and does not read their pages, which have no limit of size."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], *answer: Any
    ) -> urllib.request.Request | None:
        fp.close()
        return super().redirect_request(req, fp, *answer)


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise FetchError in the block after some seconds, whatever it waits for.

    It uses SIGALRM, so only the main thread can call it.
    """

    def end(*_: object) -> None:
        raise FetchError(f"took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fetch(url: str, limit: int) -> bytes:
    """The content of an http(s) address, of at most `limit` bytes. Raises FetchError."""
    from hotcold.runs.progress import Progress  # imports PyTorch, which takes seconds

    if not url.startswith(("http://", "https://")):
        raise FetchError("not an http(s) address")
    url = urllib.parse.quote(url, safe=string.punctuation)
    opener, count = urllib.request.build_opener(Redirections), 0
    try:
        with deadline(START + limit / SLOWEST), opener.open(url, timeout=TIMEOUT) as response:
            size = int(response.headers.get("Content-Length", 0))
            blocks = []
            with Progress(url.rsplit("/", 1)[-1], max(size, 1), "B") as bar:
                while block := response.read1(BLOCK):
                    blocks.append(block)
                    count += len(block)
                    if count > limit:
                        raise FetchError(f"is larger than {limit} bytes, the size of the file")
                    bar.advance(len(block))
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"HTTP status {error.code} {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise FetchError(str(getattr(error, "reason", error)) or type(error).__name__) from None
    content = b"".join(blocks)
    if size and len(content) != size:
        raise FetchError(f"the connection broke after {len(content)} of {size} bytes")
    return content


def read(path: Path, limit: int) -> bytes | None:
    """The content of a file, or its first `limit` + 1 bytes; None if there is no regular file.

    Raises FetchError if it cannot be read.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:  # such as a name that is too long
        raise FetchError(f"cannot be read: {error}") from None


def sha256(content: bytes) -> str:
    """The hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()

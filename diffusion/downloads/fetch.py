"""A file over the network, with limits of its size, of every wait, and of the total time."""

from __future__ import annotations

import hashlib
import http.client
import string
import time
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT = 20  # seconds without a byte
START = 60  # seconds for a file of any size
SLOWEST = 50_000  # bytes per second, after that
BLOCK = 1 << 16  # bytes


class FetchError(Exception):
    """Why a source could not be used, in a few words."""


def fetch(url: str, limit: int) -> bytes:
    """The content of an http(s) address, of at most `limit` bytes. Raises FetchError."""
    from diffusion.runtime.progress import Progress  # imports PyTorch, which takes seconds

    if not url.startswith(("http://", "https://")):
        raise FetchError("not an http(s) address")
    url = urllib.parse.quote(url, safe=string.punctuation)
    allowed = START + limit / SLOWEST
    end, count = time.monotonic() + allowed, 0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310
            size = int(response.headers.get("Content-Length", 0))
            blocks = []
            with Progress(url.rsplit("/", 1)[-1], max(size, 1), "B") as bar:
                while block := response.read1(BLOCK):
                    blocks.append(block)
                    count += len(block)
                    if count > limit:
                        raise FetchError(f"is larger than {limit} bytes, the size of the file")
                    if time.monotonic() > end:
                        raise FetchError(f"took more than {allowed:.0f} s for {count} bytes")
                    bar.advance(len(block))
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise FetchError(str(getattr(error, "reason", error)) or type(error).__name__) from None
    content = b"".join(blocks)
    if size and len(content) != size:
        raise FetchError(f"the connection broke after {len(content)} of {size} bytes")
    return content


def sha256(content: bytes) -> str:
    """The hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()

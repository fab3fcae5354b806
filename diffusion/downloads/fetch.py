"""A file over the network, with a time limit for every wait."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request

TIMEOUT = 20  # seconds without a byte
BLOCK = 1 << 16  # bytes


class FetchError(Exception):
    """Why a source could not be used, in a few words."""


def fetch(url: str) -> bytes:
    """The content of an http(s) address. Raises FetchError."""
    from diffusion.runtime.progress import Progress  # imports PyTorch, which takes seconds

    if not url.startswith(("http://", "https://")):
        raise FetchError("not an http(s) address")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310
            size = int(response.headers.get("Content-Length", 0))
            blocks = []
            with Progress(url.rsplit("/", 1)[-1], max(size, 1), "B") as bar:
                while block := response.read(BLOCK):
                    blocks.append(block)
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

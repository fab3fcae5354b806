"""The content of a file, over the network or of a disk, and its SHA-256."""

import hashlib
import http.client
import string
import urllib.parse
import urllib.request
from pathlib import Path

TIMEOUT = 20  # seconds without a byte


class FetchError(Exception):
    """Why a source could not be used."""


def fetch(place: str) -> bytes:
    """The content of an http(s) address, or of the file at a path. Raises FetchError."""
    try:
        if not place.startswith(("http://", "https://")):
            return Path(place).read_bytes()
        print(f"fetching {place}", flush=True)
        url = urllib.parse.quote(place, safe=string.punctuation)
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310  (http or https)
            return response.read()
    except FileNotFoundError:
        raise FetchError(f"there is no file {place}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(str(error) or type(error).__name__) from None


def sha256(content: bytes) -> str:
    """The hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()

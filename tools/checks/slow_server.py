"""A server of files on the loopback address that is slow enough to be interrupted."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, PAUSE = 1 << 20, 0.05  # bytes, and seconds after each block: about 20 MB a second


class SlowHandler(http.server.SimpleHTTPRequestHandler):
    """Sends files block by block, and logs nothing."""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with contextlib.suppress(ConnectionError):  # the client was killed
            while block := source.read(BLOCK):
                outputfile.write(block)
                time.sleep(PAUSE)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of the files in a folder."""
    handler = functools.partial(SlowHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

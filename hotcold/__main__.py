"""The command `hotcold`: of the project around the working folder, else of the installed package.

In a project, also in a temporary experiment or a copy, the code of that project runs, wherever the
installed package is.
"""

from __future__ import annotations

import sys
from pathlib import Path


def project() -> Path | None:
    """The root of the project around the working folder; None outside of one."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        sys.exit("error: the working folder does not exist any more: change to another one")
    parts = ("params.yaml", "hotcold/__main__.py", "tools/__init__.py")
    folders = (here, *here.parents)
    return next((each for each in folders if all((each / part).exists() for part in parts)), None)


def main() -> None:
    root = project()
    if root:
        sys.path.insert(0, str(root))
        if Path(__file__).resolve().parents[1] != root:
            for name in [name for name in sys.modules if name.partition(".")[0] == "hotcold"]:
                del sys.modules[name]
    from hotcold.commands import run  # of that project

    run(root)


if __name__ == "__main__":
    main()

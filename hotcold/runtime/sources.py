"""The project's modules run as their sources are.

Python runs a .pyc whose source was changed within the same second and kept its size, while DVC
hashes the source. So modules of the project are compiled at each import, 0.1 s for all of them, and
`LOADED` keeps which sources those were: DVC hashes them only when a stage has ended.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from importlib.machinery import FileFinder, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hotcold", "stages", "tools")
LOADED: dict[Path, str] = {}  # module, relative to ROOT -> SHA-256 of the source that runs


class Loader(SourceFileLoader):
    """Reads and writes no .pyc."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError("compiled at each import")

    def get_data(self, path: str) -> bytes:
        content = super().get_data(path)
        name = Path(path).resolve().relative_to(ROOT)
        LOADED.setdefault(name, hashlib.sha256(content).hexdigest())  # a traceback reads it again
        return content


def finder(folder: str) -> FileFinder:
    """A hook of imports. Raises ImportError for a folder of something else."""
    path = Path(folder).resolve()
    if not any(path.is_relative_to(ROOT / package) for package in PACKAGES):
        raise ImportError
    return FileFinder(folder, (Loader, [".py"]))


def install() -> None:
    """Import the project's modules by `Loader` from now on, and check the few that run already.
    Exits with a sentence if one of them is not what its source is now, or if a file beside the
    packages would be imported in place of a module of Python or of a library."""
    if finder in sys.path_hooks:
        return
    own = Path(PACKAGES[0]).resolve()
    if sys.argv[:1] == ["-m"] and own.exists() and own != ROOT / PACKAGES[0]:
        sys.exit(f"error: {ROOT} would run, not {own.parent}: unset PYTHONSAFEPATH")
    others = [folder for folder in sys.path if Path(folder).resolve() != ROOT]
    for file in ROOT.glob("*.py"):
        if file.stem in sys.stdlib_module_names or PathFinder.find_spec(file.stem, others):
            sys.exit(f"error: {file} hides a module of Python or of a library: rename it")
    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or "").resolve()
        loader = getattr(module, "__loader__", None)
        if isinstance(loader, SourceFileLoader) and any(
            path.is_relative_to(ROOT / package) for package in PACKAGES
        ):
            content = path.read_bytes()
            if name != "__main__" and loader.get_code(name) != loader.source_to_code(
                content, loader.path
            ):
                sys.exit(f"error: {module.__cached__} is not of {path}: delete it")
            LOADED[path.relative_to(ROOT)] = hashlib.sha256(content).hexdigest()

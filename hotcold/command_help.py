"""The help of a command within a second, without the packages that take seconds to import.

`python -m tools.generate --help` needs the parser of that module alone, but its first lines import
PyTorch. So where a command line asks for help, the packages below are replaced before that by empty
classes, as Sphinx does to read docstrings: the parser prints its help and ends the process before
anything of them is used.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SLOW = {
    *("diffusers", "dvc", "hydra", "matplotlib", "numpy", "optuna", "scipy"),
    *("torch", "torchmetrics", "torchvision"),
}


class Empty(type):
    """A class without content that can be a module, a base class and a decorator: every name in it
    is another one, and so is every result of a call."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Empty(name, (), {})

    def __call__(cls, *_: Any, **__: Any) -> Any:
        return cls


class Finder(MetaPathFinder, Loader):
    """Finds an empty class for each module of the slow packages."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        slow = name.partition(".")[0] in SLOW
        return ModuleSpec(name, self, is_package=True) if slow else None

    def create_module(self, spec: ModuleSpec) -> Any:
        return Empty(spec.name, (), {})

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to execute."""


def prepare() -> None:
    """Replace the slow packages if this process, `python -m ...`, will only print a help. Call it
    before they are imported."""
    if sys.argv[:1] == ["-m"] and {"-h", "--help"} & set(sys.argv[1:]):
        sys.meta_path.insert(0, Finder())

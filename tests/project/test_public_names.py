"""The names that the library offers to a user."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

import diffusion


def run_python(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_library_alone_does_not_import_torch() -> None:
    run_python(
        "import sys, diffusion\n"
        "assert 'torch' not in sys.modules\n"
        "from diffusion import DDIM\n"
        "assert 'torch' not in sys.modules\n"
        "from diffusion import DiffusionModel, Scorer, draw, sample\n"
        "assert 'torch' in sys.modules"
    )


@pytest.mark.parametrize("module", ["diffusion.params", "stages", "stages.report", "tools"])
def test_module_is_imported_without_torch(module: str) -> None:
    run_python(f"import sys, {module}; assert 'torch' not in sys.modules")


@pytest.mark.parametrize("name", diffusion.__all__)
def test_every_name_is_imported_from_the_module_that_defines_it(name: str) -> None:
    value = getattr(diffusion, name)
    assert value.__name__ == name
    assert value.__module__.startswith("diffusion.")


def test_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'diffusion' has no attribute 'Unknown'"):
        _ = diffusion.Unknown
    with pytest.raises(ImportError):
        from diffusion import unknown  # noqa: F401

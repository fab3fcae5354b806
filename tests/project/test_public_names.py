"""The names that the library offers to a user."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

import hotcold


def run_python(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_only_what_computes_imports_torch() -> None:
    run_python(
        "import sys, hotcold\n"
        "import hotcold.params, stages, stages.report, tools\n"
        "from hotcold import DDIM\n"
        "assert 'torch' not in sys.modules\n"
        "from hotcold import DiffusionModel, Scorer, draw, sample\n"
        "assert 'torch' in sys.modules"
    )


@pytest.mark.parametrize("name", hotcold.__all__)
def test_every_name_is_imported_from_the_module_that_defines_it(name: str) -> None:
    value = getattr(hotcold, name)
    assert value.__name__ == name
    assert value.__module__.startswith("hotcold.")


def test_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'hotcold' has no attribute 'Unknown'"):
        _ = hotcold.Unknown

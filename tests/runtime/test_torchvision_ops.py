"""The operators of torchvision that a CPU build of PyTorch may lack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from conftest import ROOT

from hotcold.runtime import torchvision_ops

WITH_OPERATORS = """
import torch
operators = torch.library.Library("torchvision", "DEF")
operators.define("nms(Tensor x) -> Tensor")
"""


def test_torchvision_can_be_imported_with_its_operators() -> None:
    assert torchvision_ops.declare_missing() == []  # none are missing any more
    for name, schema in torchvision_ops.SCHEMAS.items():
        operator = getattr(torch.ops.torchvision, name).default
        assert str(operator._schema) == f"torchvision::{name}{schema}"
    import torchvision.transforms.v2  # fails without the operators

    assert torchvision.transforms.v2.functional.to_dtype is not None


def test_operators_that_torchvision_has_are_not_declared(tmp_path: Path) -> None:
    """A second declaration ends the process."""
    (tmp_path / "torchvision.py").write_text(WITH_OPERATORS)
    script = "import hotcold.runtime.torchvision_ops as o, torchvision; assert not o._declared"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=tmp_path, check=True)

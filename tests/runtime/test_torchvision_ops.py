"""The operators of torchvision that a CPU build of PyTorch may lack."""

from __future__ import annotations

import torch

from hotcold.runtime import torchvision_ops


def test_operators_are_declared_once_and_only_where_they_are_missing() -> None:
    for name, schema in torchvision_ops.SCHEMAS.items():
        before = getattr(torch.ops.torchvision, name).default._schema
        torchvision_ops.declare_missing()
        after = getattr(torch.ops.torchvision, name).default._schema
        assert str(before) == str(after) == f"torchvision::{name}{schema}"
    import torchvision.transforms.v2  # fails without the operators

    assert torchvision.transforms.v2.functional.to_dtype is not None

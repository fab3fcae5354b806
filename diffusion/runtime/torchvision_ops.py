"""Import this before torchvision or torchmetrics, on any machine.

A torchvision built for CUDA, as the package index has it for Linux, cannot load its operators
beside a CPU build of PyTorch, and then its import fails when it refers to `torchvision::nms`.
Declaring the two operators lets datasets, transforms and utils work. Where torchvision can load
them, nothing is changed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_missing() -> list[torch.library.Library]:
    """Declare the operators that torchvision cannot load itself; the declarations live as long
    as what is returned."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return []
    for library in Path(spec.origin).parent.glob("_C.*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            declared.define(name + schema)
    return [declared]


_declared = declare_missing()

"""Import this before torchvision or torchmetrics, on any machine.

A torchvision that was built for CUDA, which is what the package index offers for Linux, cannot load
its operators with a CPU build of PyTorch, and its import fails because it refers to
`torchvision::nms`. Declaring the two operators makes datasets, transforms and utils work. Where
torchvision can load them, nothing changes.
"""

from __future__ import annotations

import torch

SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_missing() -> list[torch.library.Library]:
    """Declare the operators that torchvision cannot load; they exist as long as the result."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        declared = torch.library.Library("torchvision", "FRAGMENT")
        for name, schema in SCHEMAS.items():
            declared.define(name + schema)
        return [declared]
    return []


_declared = declare_missing()

"""Tensors as safetensors files with a JSON description in the metadata. Nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, bounded
from hotcold.runtime.files import write

if TYPE_CHECKING:  # the report reads arrays and does not need PyTorch, whose import takes seconds
    from torch import Tensor, nn


def save(path: Path, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
    """Write tensors and a JSON description, one entry with sorted keys: the same content gives the
    same bytes."""
    from safetensors.torch import save as serialise

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write(path, serialise(tensors, {"json": json.dumps(description, sort_keys=True)}))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the description of a file that `save` wrote. Raises UserError if
    it is missing, damaged or of another program."""
    return _read(path, "pt")


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file that `save` wrote as NumPy arrays. Raises UserError as `load`."""
    return _read(path, "numpy")[0]


def _read(path: Path, framework: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is not a file, must be one of weights")
    result = path.absolute().is_relative_to(paths.RESULTS.absolute())
    try:
        with safe_open(path, framework=framework) as file:
            metadata = file.metadata() or {}
            if "json" not in metadata:
                raise ValueError("it has no description")
            description = json.loads(metadata["json"])
            return {name: file.get_tensor(name) for name in file.keys()}, description  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path} is missing" + ": run dvc repro" * result) from None
    except (SafetensorError, ValueError) as error:
        advice = ": delete it and run dvc repro" * result
        raise UserError(f"{path} is damaged ({bounded(error)}){advice}") from None


def load_weights(network: nn.Module, weights: dict[str, Tensor], path: Path) -> nn.Module:
    """Copy weights into a network and set evaluation mode; path: their file. Raises UserError if
    they belong to another architecture."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise UserError(f"{path} is of another architecture: {first}") from None
    return network.eval()

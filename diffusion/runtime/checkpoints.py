"""Weights as safetensors; the metadata holds what rebuilds the network. Nothing is unpickled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from diffusion.runtime.errors import UserError
from diffusion.runtime.files import write


def empty(folder: Path) -> Path:
    """The folder, made and emptied: nothing of an earlier run is taken for this one's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def save(path: Path, tensors: dict[str, Tensor], metadata: dict) -> None:
    """Write tensors and a JSON description; the file appears whole or not at all.

    The description is one entry, with sorted keys: the same content gives the same bytes.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write(path, serialise(tensors, {"json": json.dumps(metadata, sort_keys=True)}))


def load(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Tensors (on the CPU) and description of a file written by `save`.

    Raises UserError where the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads(file.metadata()["json"])
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run dvc repro") from None
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run dvc repro") from None


def restore(network: nn.Module, weights: dict[str, Tensor], path: Path) -> nn.Module:
    """Put weights into a network, in evaluation mode.

    Raises UserError where they belong to another architecture.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise UserError(f"{path} is of another architecture: {first}") from None
    return network.eval()

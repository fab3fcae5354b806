"""Where to compute, and in what precision."""

from __future__ import annotations

import os
import platform

import torch

from diffusion.runtime import distributed as parallel
from diffusion.runtime.errors import UserError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU; the environment variable DEVICE overrides it.

    Of several processes on one machine, each has a GPU of its own.
    Raises UserError for a device that PyTorch does not know or find here.
    """
    name = os.environ.get("DEVICE")
    if name:
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, NotImplementedError):
            raise UserError(
                f"DEVICE is '{name}', must be cpu, or a cuda or mps device that is here"
            ) from None
        if name != "cuda":  # which one follows
            return torch.device(name)
    if torch.cuda.is_available():
        here, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if here >= gpus:
            raise UserError(
                f"process {here} of this machine finds no GPU of its own: there are {gpus}; "
                "start as many processes, or set DEVICE=cpu"
            )
        return torch.device("cuda", here)
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def precision(asked: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products; `auto` is bfloat16 where there are units for it.

    On a CPU without them bfloat16 is emulated and slower than float32.
    """
    if asked != "auto":
        return PRECISIONS[asked]
    if device.type == "cuda":
        has_units = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        has_units = bool(found.get("amx_bf16") or found.get("avx512_bf16"))
    else:
        has_units = False
    return torch.bfloat16 if has_units else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Mixed precision: products in dtype, weights and everything else in float32."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


def record(device: torch.device, dtype: torch.dtype) -> dict[str, str | int]:
    """What a result was computed with; the same on every run on one machine."""
    return {
        "device": describe(device, dtype).rsplit(", ", 1)[0],
        "precision": str(dtype).removeprefix("torch."),
        "processes": parallel.size(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """One line for the start of a stage."""
    name = str(dtype).removeprefix("torch.")
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {name}"
    if device.type == "cpu":
        return f"CPU with {torch.get_num_threads()} threads, {name}"
    return f"{device}, {name}"

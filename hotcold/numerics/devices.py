"""The device that computes, and its precision."""

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hotcold.numerics import distributed
from hotcold.runtime.errors import UserError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BATCH_SIZE = 100  # images that are sampled at once on a CPU: more of them are not faster
IMAGE_MEMORY = 2**23  # bytes for an image on a GPU; the widest network of params.yaml needs 2**20


def device() -> torch.device:
    """CUDA if available, else Apple's MPS, else the CPU; the variable DEVICE overrides it. Of
    several ranks on one machine, each has a GPU of its own. Raises UserError for a device that is
    not available."""
    name = os.environ.get("DEVICE")
    if name:
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, NotImplementedError):
            raise UserError(
                f"DEVICE is '{name}', must be cpu, or an available cuda or mps device"
            ) from None
        if name != "cuda":  # the rank decides which GPU
            return torch.device(name)
    if torch.cuda.is_available():
        local_rank, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local_rank >= gpus:
            raise UserError(
                f"rank {local_rank} of this machine has no GPU of its own: there are {gpus}; "
                "start as many ranks, or set DEVICE=cpu"
            )
        return torch.device("cuda", local_rank)
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def dtype(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products; `auto` is bfloat16 where products are faster in it."""
    if precision != "auto":
        return DTYPES[precision]
    if device.type == "cuda":
        has_units = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        has_units = fast_bfloat16(getattr(torch.cpu, "get_capabilities", dict)())
    else:
        has_units = False
    return torch.bfloat16 if has_units else torch.float32


def fast_bfloat16(cpu: Mapping[str, Any]) -> bool:
    """Whether products of these networks are faster in bfloat16 than in float32 on a CPU.

    They are by the units of AMX, and by AVX-512 on AMD (Zen 4 and later). Intel CPUs have the same
    instructions of AVX-512, but where a virtual machine hides AMX, products in float32 are twice as
    fast (`hotcold bench speed` shows both). Others emulate bfloat16. It is a rule, so that one
    machine always has the same answer. cpu: what `torch.cpu.get_capabilities` gives.
    """
    amd = "AMD" in cpu.get("cpu_name", "")
    return bool(cpu.get("amx_bf16") or (cpu.get("avx512_bf16") and amd))


def batch_size(device: torch.device) -> int:
    """How many images to sample at once: BATCH_SIZE, or on CUDA as many as fit into half of the
    memory, so that two runs can share the device. The images do not depend on it."""
    if device.type != "cuda":
        return BATCH_SIZE
    memory = torch.cuda.get_device_properties(device).total_memory
    return max(BATCH_SIZE, memory // 2 // IMAGE_MEMORY)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Mixed precision: products in dtype; weights and all else in float32."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


def record(device: torch.device, dtype: torch.dtype) -> dict[str, str | int]:
    """The hardware and the versions of a run; equal for every run on one machine."""
    return {
        "device": describe(device, dtype).rsplit(", ", 1)[0],
        "precision": str(dtype).removeprefix("torch."),
        "processes": distributed.size(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def cpu() -> str:
    """The name of the CPU, as far as the system tells it, and the instruction set in use."""
    listed = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", listed.read_text()) if listed.exists() else None
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """Device and precision in one line."""
    name = str(dtype).removeprefix("torch.")
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {name}"
    if device.type == "cpu":
        return f"CPU with {torch.get_num_threads()} threads, {name}"
    return f"{device}, {name}"

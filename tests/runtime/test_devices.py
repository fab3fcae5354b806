"""The choice of a device and of its precision."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from hotcold.numerics import devices
from hotcold.runtime.errors import UserError


def test_device_can_be_chosen_and_a_wrong_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE", "cpu")
    assert devices.device() == torch.device("cpu")
    monkeypatch.setenv("DEVICE", "gpu9")
    with pytest.raises(UserError, match="DEVICE is 'gpu9', must be cpu"):
        devices.device()


CPUS = [  # name, instructions, precision
    ("Intel(R) Xeon(R) Platinum 8481C", "avx2 avx512_bf16 amx_tile amx_bf16", torch.bfloat16),
    ("INTEL(R) XEON(R) PLATINUM 8581C", "avx2 avx512_bf16", torch.float32),  # AMX is hidden
    ("Intel(R) Xeon(R) Platinum 8370C", "avx2 avx512_f", torch.float32),  # Ice Lake
    ("AMD EPYC 9B14", "avx2 avx512_bf16", torch.bfloat16),  # Zen 4
    ("AMD EPYC 9845", "avx2 avx512_bf16 avx512_vp2intersect", torch.bfloat16),  # Zen 5
    ("AMD EPYC 7B13", "avx2", torch.float32),  # Zen 3
    ("Neoverse-V1", "bf16 i8mm sve", torch.float32),  # Graviton 3
    ("Apple M3", "bf16", torch.float32),
]


def test_precision_is_the_requested_one_and_auto_depends_on_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    assert devices.dtype("float32", cpu) == torch.float32
    assert devices.dtype("bfloat16", cpu) == torch.bfloat16
    for name, flags, expected in CPUS:
        cpu_of = {"cpu_name": name, "architecture": "", **dict.fromkeys(flags.split(), True)}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda cpu_of=cpu_of: cpu_of)
        assert devices.dtype("auto", cpu) == expected, name


def test_images_at_once_depend_on_the_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert devices.batch_size(cpu) == devices.BATCH_SIZE
    for gigabytes, images in ((80, 5120), (8, 512), (1, devices.BATCH_SIZE)):
        gpu = SimpleNamespace(total_memory=gigabytes * 2**30)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, gpu=gpu: gpu)
        assert devices.batch_size(cuda) == images

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


def test_precision_is_the_requested_one_and_auto_depends_on_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    assert devices.dtype("float32", cpu) == torch.float32
    assert devices.dtype("bfloat16", cpu) == torch.bfloat16
    for units, expected in (
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda units=units: units)
        assert devices.dtype("auto", cpu) == expected


def test_images_at_once_depend_on_the_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert devices.batch_size(cpu) == devices.BATCH_SIZE
    for gigabytes, images in ((80, 5120), (8, 512), (1, devices.BATCH_SIZE)):
        gpu = SimpleNamespace(total_memory=gigabytes * 2**30)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, gpu=gpu: gpu)
        assert devices.batch_size(cuda) == images

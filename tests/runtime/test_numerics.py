"""Devices and their precision, the scale of pixels, and named streams of random numbers."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
import torch

from hotcold.numerics import devices
from hotcold.numerics.pixels import to_levels, to_pixels
from hotcold.numerics.rng import AHEAD, ChunkedNoise, NoiseAhead, Stream, derive
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


def test_levels_are_scaled_to_pixels_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    pixels = to_pixels(levels)
    assert (pixels.min().item(), pixels.max().item()) == (-0.5, 0.5)
    assert torch.equal(to_levels(pixels), levels)
    assert to_levels(torch.tensor([-3.0, 7.0])).tolist() == [0, 255]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_pixel_that_is_not_finite_is_no_level(value: float) -> None:
    with pytest.raises(UserError, match="not a finite number"):
        to_levels(torch.tensor([0.0, value]))


ELSEWHERE = torch.device("meta")  # a device without values, on every machine


def test_seed_of_a_stream_depends_on_seed_and_name() -> None:
    assert derive(1, "a", 2) == derive(1, "a", 2)
    assert len({derive(1, "a"), derive(2, "a"), derive(1, "b"), derive(1, "a", 0)}) == 4
    assert 0 <= derive(2**63 - 1, "x") < 2**63


def test_noise_is_drawn_on_the_cpu_and_moved_to_the_device_that_computes() -> None:
    stream = Stream(1, "sample", "model1", 10)
    assert stream.generator(0).device.type == "cpu"
    assert stream.generator(0).initial_seed() == derive(1, "sample", "model1", 10, 0)
    noise = ChunkedNoise([2, 1], [stream.generator(0), stream.generator(1)])
    for draw in (noise.normal, noise.uniform):
        assert draw(torch.empty(3, 1, 28, 28, device=ELSEWHERE)).device == ELSEWHERE


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_threads_that_draw_ahead_give_the_same_numbers(kind: str) -> None:
    sizes, like = [3, 2, 3, 1, 3, 2], torch.empty(14, 1, 28, 28)
    stream = Stream(1, "sample", "model1", 10)

    def start(form: type[ChunkedNoise]) -> ChunkedNoise:
        return form(sizes, [stream.generator(chunk) for chunk in range(len(sizes))])

    with start(ChunkedNoise) as expected, start(NoiseAhead) as ahead, torch.inference_mode():
        for _ in range(AHEAD + 5):
            assert torch.equal(getattr(ahead, kind)(like), getattr(expected, kind)(like))


def test_threads_draw_ahead_only_what_is_like_the_first_request() -> None:
    like = torch.empty(2, 1, 28, 28)
    with NoiseAhead([1, 1], [Stream(1).generator(chunk) for chunk in (0, 1)]) as noise:
        noise.normal(like)
        assert len(noise.drawn) == AHEAD
        with pytest.raises(ValueError, match=r"must be .* like the first"):
            noise.uniform(like)
        with pytest.raises(ValueError, match=r"must be .* like the first"):
            noise.normal(like.double())


def test_threads_end_with_their_batch() -> None:
    before = threading.active_count()
    with NoiseAhead([1, 1], [Stream(1).generator(chunk) for chunk in (0, 1)]) as noise:
        noise.normal(torch.empty(2, 1, 28, 28))
        assert threading.active_count() == before + 2
    assert threading.active_count() == before

"""Named streams of random numbers."""

from __future__ import annotations

import threading

import pytest
import torch

from hotcold.numerics.rng import AHEAD, ChunkedNoise, NoiseAhead, Stream, derive

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

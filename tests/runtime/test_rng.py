"""Named streams of random numbers."""

from __future__ import annotations

from diffusion.runtime.rng import derive


def test_seed_of_a_stream_depends_on_seed_and_name() -> None:
    assert derive(1, "a", 2) == derive(1, "a", 2)
    assert len({derive(1, "a"), derive(2, "a"), derive(1, "b"), derive(1, "a", 0)}) == 4
    assert 0 <= derive(2**63 - 1, "x") < 2**63

"""The figures are drawn in two processes."""

from __future__ import annotations

import os

import pytest

from hotcold.reporting.figures.style import Gallery
from hotcold.runtime.errors import UserError
from stages.figures import in_second_process


def process() -> bytes:
    return str(os.getpid()).encode()


def test_a_gallery_has_the_figures_of_both_processes() -> None:
    gallery = Gallery(100, [])
    with in_second_process(gallery, lambda: gallery.add_frames("second", process())):
        gallery.add_frames("first", process())
    processes = {path.stem: int(content) for path, content in gallery.files.items()}
    assert set(processes) == {"first", "second"}
    assert processes["first"] == os.getpid() != processes["second"]


def test_second_process_that_ends_early_gets_a_sentence() -> None:
    with (
        pytest.raises(UserError, match="ended early"),
        in_second_process(Gallery(100, []), lambda: os._exit(1)),
    ):
        pass

"""The reverse process of a model: a strip of its states, and the frames of a film."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hotcold import samples_file
from hotcold.reporting.figures.style import Gallery, encode_frames, image_rows
from hotcold.reporting.reading.results import samplers
from hotcold.runtime import paths

IMAGES, STATES = 2, 9  # in the strip: images of each sampler, and states of an image
SHOWN, ACROSS = 8, 4  # images of a frame


def draw(gallery: Gallery, models: Iterable[str]) -> None:
    """The strip of each model, with rows for each sampler, and the frames of each sampler."""
    rows = []
    for model in models:
        states, steps = read(model)
        gallery.add(f"reverse_{model}", draw_strip(states, steps))
        for key, frames in states.items():
            gallery.add_frames(f"film_{model}_{key}", encode_frames(frames[:, :SHOWN], ACROSS))
            rows += [(model, key, t) for t in steps[key]]
    gallery.add_table("films", ("model", "set", "t"), rows)


def read(model: str) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """By set of images, naive before improved: the states, (frames, images, 28, 28) uint8, and
    their steps t."""
    films, description = samples_file.load(paths.SAMPLES / model / "film.npz")
    keys = sorted(films, reverse=True)
    return {key: films[key][:, :, 0].numpy() for key in keys}, description["steps"]


def draw_strip(states: Mapping[str, np.ndarray], steps: Mapping[str, Sequence[int]]) -> Figure:
    """States at evenly spaced steps t, from T to 0, by set of images; steps: t of each state."""
    rows, labels, captions = [], [], []
    for key, frames in states.items():
        shown = np.linspace(0, len(frames) - 1, min(STATES, len(frames))).round().astype(int)
        for image in range(min(IMAGES, frames.shape[1])):
            rows.append(frames[shown, image])
            labels.append(samplers()[key].replace(" ", "\n"))
            captions.append([f"t = {steps[key][i]}" for i in shown])
    return image_rows(rows, labels, captions=captions)

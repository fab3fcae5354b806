"""The reverse process of a model: a strip of its states, and an animation."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from diffusion import image_sets
from diffusion.reporting.results import SAMPLERS
from diffusion.reporting.style import Gallery, image_rows, tile
from diffusion.runtime import paths
from diffusion.runtime.pixels import SIDE

IMAGES, STATES = 2, 11  # in the strip: images of each sampler, and states of an image
COLUMNS, SECONDS = 4, 5  # of the animation
HOLD = 2  # seconds for which the last frame is held
GREYS = 16  # grey levels, of which fewer make a smaller file
GUTTER = 8  # pixels between samplers


def draw(gallery: Gallery, model: str) -> None:
    """The strip and the animation of one model, with a part for each sampler."""
    films, description = image_sets.load(paths.SAMPLES / model / "film.npz")
    states = {  # (frames, images, 28, 28) uint8; naive before improved
        key: films[key][:, :, 0].numpy() for key in sorted(films, reverse=True)
    }
    gallery.add_pixels(f"reverse_{model}", draw_strip(states, description["steps"]))
    gallery.add_film(f"film_{model}", encode_film(list(states.values()), COLUMNS, SECONDS))


def draw_strip(states: Mapping[str, np.ndarray], steps: Mapping[str, Sequence[int]]) -> Figure:
    """States at evenly spaced steps t, from T to 0, by set of images; steps: t of each state."""
    rows, labels, captions = [], [], []
    for key, frames in states.items():
        shown = np.linspace(0, len(frames) - 1, min(STATES, len(frames))).round().astype(int)
        for image in range(min(IMAGES, frames.shape[1])):
            rows.append(frames[shown, image])
            labels.append(SAMPLERS[key])
            captions.append([f"t = {steps[key][i]}" for i in shown])
    return image_rows(rows, labels, captions=captions)


def encode_film(grids: Sequence[np.ndarray], columns: int, seconds: float) -> bytes:
    """An animated PNG of grids of images side by side, each (frames, n, 28, 28) uint8.

    It has the pixels of the images; the page enlarges them. It runs for `seconds`, holds its last
    frame, and starts again.
    """
    gutter = np.full((columns * (SIDE + 2) - 2, GUTTER), 255, np.uint8)
    frames = []
    for step in zip(*grids, strict=True):
        parts = [part for images in step for part in (gutter, tile(images, columns))][1:]
        height = min(part.shape[0] for part in parts)
        canvas = np.concatenate([part[:height] for part in parts], axis=1)
        canvas = np.round(canvas / 255 * (GREYS - 1)) / (GREYS - 1) * 255
        frames.append(Image.fromarray(canvas.round().astype(np.uint8)))
    each = round(1000 * seconds / len(frames))
    durations = [each] * (len(frames) - 1) + [1000 * HOLD]
    content = io.BytesIO()
    frames[0].save(
        content, "PNG", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
    return content.getvalue()

"""The reverse process of a model: a strip of its states, and the frames of a film; and a picture
that moves, of a hot and a cold model."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from hotcold import samples_file
from hotcold.models.process import HotProcess
from hotcold.numerics.pixels import SIDE, to_levels, to_pixels
from hotcold.numerics.rng import CHUNK, ChunkedNoise, Stream
from hotcold.reporting.figures.degradations import process
from hotcold.reporting.figures.style import GREYS, Gallery, encode_frames, image_rows, tile
from hotcold.reporting.reading.results import ModelResults, samplers
from hotcold.reporting.reading.sources import MEDIA
from hotcold.runtime import paths

IMAGES, STATES = 2, 9  # in the strip: images of each sampler, and states of an image
SHOWN, ACROSS = 8, 4  # images of a frame
# Of the moving picture: frames of each way, frames of rest, milliseconds of a frame, pixels of the
# side of a pixel, between the models, and above them.
FRAMES, REST, DURATION, SCALE, BETWEEN, ABOVE = 24, 8, 90, 3, 24, 24


def draw(gallery: Gallery, models: Sequence[ModelResults], seed: int, count: int) -> None:
    """The strip of each model, with rows for each sampler, and the frames of each sampler; the
    moving picture of the hot model with the lowest FID and of the first one that restores.
    seed, count: of the images of each checkpoint."""
    rows = []
    for model in (each.name for each in models):
        states, steps = read(model)
        gallery.add(f"reverse_{model}", draw_strip(states, steps))
        for key, frames in states.items():
            gallery.add_file(
                MEDIA / f"film_{model}_{key}.png", encode_frames(frames[:, :SHOWN], ACROSS)
            )
            rows += [(model, key, t) for t in steps[key]]
    gallery.add_table("films", ("model", "set", "t"), rows)
    hot = [model for model in models if type(process(model)).start is HotProcess.start]
    cold = [model for model in models if model.restores and not model.generates]
    if hot and cold:
        best = min(hot, key=lambda model: model.scores["fid"])
        moving = draw_pair(best, cold[0], seed, min(count, CHUNK))
        gallery.add_file(paths.FIGURES / "hot_and_cold.webp", moving)


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


def there_and_back(model: ModelResults, key: str, seed: int, count: int) -> list[np.ndarray]:
    """The first images of a set as they are degraded, with the noise that they were drawn from, and
    as they were drawn: REST + 2 FRAMES times (SHOWN, 28, 28) uint8. count: of the first chunk."""
    states, steps = read(model.name)
    back = states[key][:, :SHOWN]
    shown = np.linspace(0, len(back) - 1, FRAMES).round().astype(int)
    forward, stream = process(model), Stream(seed, "sample", model.name, model.best["epoch"])
    noise = ChunkedNoise([count], [stream.generator(0)])
    noise_T = forward.start(torch.zeros(count, 1, SIDE, SIDE), noise).noise[: back.shape[1]]
    x_0 = to_pixels(torch.from_numpy(back[-1])[:, None])
    degraded = [to_levels(forward.degrade(x_0, noise_T, steps[key][i])) for i in shown[::-1]]
    there = [x_t[:, 0].numpy() for x_t in degraded]
    return [*there[:1] * REST, *there, *back[shown]]


def draw_pair(hot: ModelResults, cold: ModelResults, seed: int, count: int) -> bytes:
    """Images of two models side by side as they degrade and then as they are restored, again and
    again, as WebP without loss. seed, count: see `there_and_back`."""
    ways = [
        there_and_back(hot, hot.best["main"], seed, count),
        there_and_back(cold, "improved", seed, count),
    ]
    font, frames = ImageFont.load_default(15), []
    for number, pair in enumerate(zip(*ways, strict=True)):
        way = "degrade" if number < REST + FRAMES else "restore"
        grids = np.stack([tile(images, ACROSS) for images in pair])
        levels = (grids / 255 * (GREYS - 1)).round() / (GREYS - 1) * 255
        large = levels.round().astype(np.uint8).repeat(SCALE, 1).repeat(SCALE, 2)
        _, height, width = large.shape
        frame = Image.new("L", (2 * width + BETWEEN, ABOVE + height), 255)
        for k, (word, model) in enumerate((("hot", hot), ("cold", cold))):
            x = k * (width + BETWEEN)
            frame.paste(Image.fromarray(large[k]), (x, ABOVE))
            text = f"{word}, {model.design.degradation.label} noise: {way}"
            ImageDraw.Draw(frame).text((x, 0), text, 0, font)
        frames.append(frame)
    content = io.BytesIO()
    frames[0].save(
        content,
        "WebP",
        save_all=True,
        append_images=frames[1:],
        duration=DURATION,
        loop=0,
        lossless=True,
    )
    return content.getvalue()

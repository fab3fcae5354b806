"""Figures 4, 5, 9, 13 and 15: the images of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hotcold import samples_file
from hotcold.data import mnist
from hotcold.numerics.pixels import SIDE
from hotcold.reporting.figures.style import Gallery, encode_frames, image_rows
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.reading.sources import MEDIA
from hotcold.runtime import paths

IN_A_ROW = 8  # images of a row of progress or restorations
SHEET, ACROSS = 60, 12  # images of a contact sheet, and of one of its rows
PAIRS = 10  # images with their confidence, or with their nearest neighbour
RESTORATIONS = ("original", "degraded", "one_step", "naive", "improved", "inferred")


def draw(gallery: Gallery, model: ModelResults, examples: int) -> None:
    """All figures of one model's images except its film. examples: of each digit, in figure 15."""
    name, rows, main = model.name, model.best_predictions, model.best["main"]
    sets, _ = samples_file.load(paths.samples(name, model.best["epoch"]))
    arrays = {key: images[:, 0].numpy() for key, images in sets.items()}
    images = arrays[main]
    gallery.add(f"progress_{name}", draw_progress(name))
    gallery.add(f"digits_{name}", draw_digits(images, rows, examples))
    gallery.add(f"samples_{name}", draw_sheet(images))
    gallery.add(f"confidence_{name}", draw_confidence(images, rows))
    gallery.add(f"nearest_{name}", draw_nearest(images, rows))
    if model.restores:
        gallery.add(f"improved_progress_{name}", draw_progress(name, "improved"))
        gallery.add(f"restoration_{name}", draw_restorations(arrays))
    if model.restores and not model.generates:
        for key in (key for key in RESTORATIONS if key in arrays):
            frame = arrays[key][None, :IN_A_ROW]
            gallery.add_file(
                MEDIA / f"restored_{name}_{key}.png", encode_frames(frame, IN_A_ROW // 2)
            )


def draw_real(gallery: Gallery) -> None:
    """The first test images, to compare with."""
    gallery.add("samples_real", draw_sheet(mnist.images("test")[:SHEET, 0].numpy()))


def draw_progress(name: str, key: str | None = None) -> Figure:
    """The first images of every checkpoint, by epoch: of the main set, or of set `key`."""
    rows, labels = [], []
    for sets, description in samples_file.load_epochs(paths.SAMPLES / name):
        rows.append(sets[key or description["main"]][:IN_A_ROW, 0].numpy())
        best = " (best)" if "best" in description["roles"] else ""
        labels.append(f"epoch {description['epoch']}{best}")
    return image_rows(rows, labels)


def draw_digits(images: np.ndarray, rows: Sequence[Mapping[str, str]], examples: int) -> Figure:
    """The first images that are classified as each digit; nothing where there is none.

    images: (n, 28, 28) uint8; rows: their predictions.
    """
    predicted = np.array([int(row["digit"]) for row in rows])
    grid = np.ma.masked_all((examples, 10, SIDE, SIDE), np.uint8)
    for digit in range(10):
        first = images[np.flatnonzero(predicted == digit)[:examples]]
        grid[: len(first), digit] = first
    return image_rows(list(grid), [""] * examples, [str(digit) for digit in range(10)])


def draw_sheet(images: np.ndarray) -> Figure:
    """A contact sheet of the first images, each (28, 28) uint8."""
    return image_rows([images[i : i + ACROSS] for i in range(0, min(len(images), SHEET), ACROSS)])


def draw_confidence(images: np.ndarray, rows: Sequence[Mapping[str, str]]) -> Figure:
    """The images with the highest and the lowest confidence, with digit and confidence."""
    order = sorted(range(len(rows)), key=lambda i: -float(rows[i]["confidence"]))
    chosen = {"highest": order[:PAIRS], "lowest": order[::-1][:PAIRS]}
    captions = [
        [f"{rows[i]['digit']}\n{float(rows[i]['confidence']):.2f}" for i in indices]
        for indices in chosen.values()
    ]
    return image_rows([images[i] for i in chosen.values()], list(chosen), (), captions)


def draw_nearest(images: np.ndarray, rows: Sequence[Mapping[str, str]]) -> Figure:
    """The images nearest to a training image, that image, and their distance."""
    chosen = sorted(range(len(rows)), key=lambda i: float(rows[i]["distance"]))[:PAIRS]
    neighbours = mnist.images("train")[[int(rows[i]["nearest"]) for i in chosen], 0].numpy()
    captions = [[""] * len(chosen), [f"{float(rows[i]['distance']):.1f}" for i in chosen]]
    return image_rows([images[chosen], neighbours], ["image", "nearest"], (), captions)


def draw_restorations(sets: Mapping[str, np.ndarray]) -> Figure:
    """The first images as original, degraded, and restored by each method."""
    keys = [key for key in RESTORATIONS if key in sets]
    return image_rows([sets[key][:IN_A_ROW] for key in keys], [k.replace("_", " ") for k in keys])

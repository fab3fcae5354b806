"""What all figures share: style, colours, files, axes, and rows of images.

Images are uint8, and all are shown on the scale 0..255.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter
from PIL import Image

from diffusion.runtime import paths
from diffusion.runtime.files import empty_folder

MEDIA = paths.REPORT / "media"  # vector graphics and animations, which the page contains
REAL = "0.45"  # the grey of real images and of published numbers
GAP = 2  # pixels between images
INCH = 0.62 / 30  # side of a pixel in inches


def use_style(path: Path) -> None:
    """Use a Matplotlib style file."""
    plt.style.use(path)


def colours(names: Sequence[str]) -> dict[str, str]:
    """name -> colour, in the order of the style's palette."""
    palette = cycle(plt.rcParams["axes.prop_cycle"].by_key()["color"])
    return dict(zip(names, palette, strict=False))


class Gallery:
    """The files of all figures, which `write` writes at once, and the colour of each model."""

    def __init__(self, dpi: int, models: Sequence[str]) -> None:
        self.dpi, self.colours = dpi, colours(models)
        self.files: dict[Path, bytes] = {}

    def add_pixels(self, name: str, figure: Figure) -> None:
        """Add a figure of images as PNG."""
        self._add(paths.FIGURES / f"{name}.png", encode(rasterise(figure, self.dpi)))
        plt.close(figure)

    def add_lines(self, name: str, figure: Figure) -> None:
        """Add a figure of lines and bars as PNG and SVG."""
        self._add(paths.FIGURES / f"{name}.png", encode(rasterise(figure, self.dpi)))
        self._add(MEDIA / f"{name}.svg", vectorise(figure))
        plt.close(figure)

    def add_film(self, name: str, content: bytes) -> None:
        """Add an animation."""
        self._add(MEDIA / f"{name}.png", content)

    def _add(self, path: Path, content: bytes) -> None:
        if path in self.files:
            raise ValueError(f"two figures have the name {path}")
        self.files[path] = content

    def write(self) -> None:
        """Replace the content of both folders."""
        for folder in (paths.FIGURES, MEDIA):
            empty_folder(folder)
        for path, content in self.files.items():
            path.write_bytes(content)


def rasterise(figure: Figure, dpi: int) -> np.ndarray:
    """Draw a figure: (H, W, 3) uint8. Its layout is computed once, then fixed."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")
    return np.asarray(canvas.buffer_rgba())[..., :3]


def vectorise(figure: Figure) -> bytes:
    """Draw a figure as SVG, without the date and the version of Matplotlib."""
    content = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(content, metadata={"Date": None, "Creator": None})
    return content.getvalue()


def encode(pixels: np.ndarray) -> bytes:
    """A small PNG of pixels, (H, W, 3) uint8, because git holds those of every run.

    Grey pixels are kept exactly. Other pictures get a palette of 256 colours that differ from the
    original ones by a few levels of 255.
    """
    grey = (pixels == pixels[..., :1]).all()
    image = Image.fromarray(pixels[..., 0] if grey else pixels)
    if not grey:
        image = image.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def set_scale(axis: Axes, scale: str) -> None:
    """A linear or a logarithmic y axis, the latter with plain numbers at 1, 2 and 5."""
    axis.set_yscale(scale)
    if scale == "log":
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axis.yaxis.set_minor_formatter(NullFormatter())


def row_of_panels(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Panels in one row, each with its own y axis."""
    figure, axes = plt.subplots(1, count, figsize=(width, height), squeeze=False)
    return figure, list(axes[0])


def wrapped_panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Panels with a common y axis, four in a row."""
    columns = min(count, 4)
    rows = -(-count // columns)
    size = (2.6 * columns + 0.6, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, sharey=True)
    for axis in axes.flat[count:]:
        axis.remove()
    return figure, list(axes.flat[:count])


def tile(images: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """(n, H, W) uint8 -> one picture, row by row, on white; the rest of the last row is white."""
    n, height, width = images.shape
    rows = -(-n // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        canvas[y : y + height, x : x + width] = image
    return canvas


def show(axis: Axes, canvas: np.ndarray) -> None:
    """A picture, (H, W) uint8, without ticks or frame."""
    axis.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.grid(visible=False)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def image_rows(
    rows: Sequence[np.ndarray],
    row_labels: Sequence[str],
    column_labels: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
) -> Figure:
    """Rows of images, each (n, 28, 28) uint8.

    Labels are to the left of each row and above each column; captions are below each image.
    """
    side, columns = rows[0].shape[-1], max(len(row) for row in rows)
    lines = max((text.count("\n") + 1 for row in captions for text in row), default=0)
    pitch_x, pitch_y = side + GAP, side + (3 + 7 * lines if lines else GAP)
    canvas = np.full((len(rows) * pitch_y - GAP, columns * pitch_x - GAP), 255, np.uint8)
    for i, row in enumerate(rows):
        part = tile(row, columns)
        canvas[i * pitch_y : i * pitch_y + side, : part.shape[1]] = part
    label_width = 0.09 * max(len(line) for label in row_labels for line in label.split("\n"))
    width = max(canvas.shape[1] * INCH + 0.3 + label_width, 2.0)
    height = max(canvas.shape[0] * INCH + (0.45 if column_labels else 0.2), 0.8)
    figure, axis = plt.subplots(figsize=(width, height))
    show(axis, canvas)
    axis.set_anchor("W")
    middle = (side - 1) / 2
    axis.set_yticks([i * pitch_y + middle for i in range(len(rows))], row_labels)
    axis.set_xticks([j * pitch_x + middle for j in range(len(column_labels))], column_labels)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    for i, texts in enumerate(captions):
        for j, text in enumerate(texts):
            x, y = j * pitch_x + middle, i * pitch_y + side + 1
            axis.text(x, y, text, ha="center", va="top", fontsize=6.5)
    return figure

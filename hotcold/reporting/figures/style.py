"""What all figures share: style, colours, files, axes, and rows of images.

Images are uint8, and all are shown on the scale 0..255.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterable, Sequence
from colorsys import hls_to_rgb
from itertools import chain, count
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter
from PIL import Image

from hotcold.reporting.reading.results import Scores, with_interval
from hotcold.reporting.reading.sources import MEDIA
from hotcold.runtime import paths
from hotcold.runtime.files import empty_folder

REAL = "0.45"  # the grey of real images and of published numbers
WIDTH = 7.6  # inches: of a figure that fills a column of the page
FREE = 0.8  # inches: of a legend that does not make its figure higher
GAP = 2  # pixels between images
INCH = 0.62 / 30  # side of a pixel in inches
SMALL = 8.5  # points: the smallest text, 11 pixels
MANY = 16  # models: more get smaller panels, and legends outside of them
MARKERS = "os^Dv<>pP*X"
GOLDEN = 0.618  # of the circle of hues between two colours: no two are near each other
GREYS = 15  # grey levels of the frames of films, of which fewer make a smaller file
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
EMBEDDED = r"data:image/png;base64,\s*([\w+/=\s]+)"
DARK = """<style>
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7ea }
  [style*="fill: #000000"], [style*="fill: #444444"] { fill: #e4e7ea !important }
  [style*="stroke: #000000"], [style*="stroke: #444444"] { stroke: #e4e7ea !important }
  [style*="stroke: #b0b0b0"] { stroke: #5b6168 !important }
  [style*="fill: #ffffff"] { fill: #15181c !important }
  [style*="#737373"]:not([style*="fill: #737373"]) { stroke: #a2a9b1 !important }
}
</style>
"""  # colours of the page


def use(style: Path) -> None:
    """Set the style of all figures, whatever a matplotlibrc of the user or the folder says."""
    plt.rcdefaults()
    plt.style.use(style)


def colours(names: Sequence[str]) -> dict[str, str]:
    """name -> colour, as #rrggbb: the style's palette in its order, then further hues."""
    palette = map(to_hex, plt.rcParams["axes.prop_cycle"].by_key()["color"])
    further = (to_hex(hls_to_rgb(GOLDEN * k % 1, 0.55, 0.6)) for k in count())
    return dict(zip(names, chain(palette, further), strict=False))


def short(text: str) -> str:
    """A text in which no word, such as the name of a model, is longer than 16 characters, the
    width of the narrowest panel."""
    return re.sub(r"\S{17,}", lambda word: f"{word[0][:8]}…{word[0][-7:]}", text)


class Gallery:
    """The files of all figures, which `write` writes at once, and the colour of each model."""

    def __init__(self, dpi: int, models: Sequence[str]) -> None:
        self.dpi, self.colours = dpi, colours(models)
        self.files: dict[Path, bytes] = {}

    def add(self, name: str, figure: Figure) -> None:
        """Add a figure, as PNG for the Markdown and as SVG for the page; its words are `short`."""
        for text in figure.findobj(Text):
            text.set_text(short(text.get_text()))
        self.add_file(paths.FIGURES / f"{name}.png", encode(rasterise(figure, self.dpi)))
        self.add_file(MEDIA / f"{name}.svg", vectorise(figure))
        plt.close(figure)

    def add_table(
        self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> None:
        """Add the numbers of figures."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
        self.add_file(paths.PLOTS / f"{name}.csv", text.getvalue().encode())

    def add_file(self, path: Path, content: bytes) -> None:
        """Add a file of any kind. Raises ValueError if it is there already."""
        if path in self.files:
            raise ValueError(f"two figures have the name {path}")
        self.files[path] = content

    def write(self) -> None:
        """Replace the content of all three folders."""
        for folder in (paths.FIGURES, MEDIA, paths.PLOTS):
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
    """Draw a figure as SVG, which is dark where the page is dark, without the date and the version
    of Matplotlib."""
    content = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(content, metadata={"Date": None, "Creator": None})
    start, defs, rest = content.getvalue().decode().partition(" <defs>")
    return (start + DARK + defs + re.sub(EMBEDDED, shrink, rest)).encode()


def shrink(embedded: re.Match[str]) -> str:
    """A PNG in an SVG with one byte a pixel, if it is grey: 255 is transparent there."""
    with Image.open(io.BytesIO(base64.b64decode(embedded[1]))) as image:
        pixels = np.asarray(image.convert("RGBA"))
    if (pixels[..., :3] != pixels[..., :1]).any():
        return embedded[0]
    grey = Image.fromarray(np.where(pixels[..., 3], np.minimum(pixels[..., 0], 254), 255))
    content = io.BytesIO()
    grey.save(content, "PNG", transparency=255, optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


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


def set_scale(axis: Axes, scale: str, which: str = "y") -> None:
    """A linear or a logarithmic axis of what is drawn, the latter with plain numbers at 1, 2 and 5,
    or at more places if it is short."""
    axis.set(**{f"{which}scale": scale})
    if scale == "log":
        ticks = axis.xaxis if which == "x" else axis.yaxis
        low, high = axis.get_xlim() if which == "x" else axis.get_ylim()
        subs = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
        ticks.set_major_locator(LogLocator(subs=subs))
        ticks.set_major_formatter(FormatStrFormatter("%g"))
        ticks.set_minor_formatter(NullFormatter())


def draw_intervals(
    axis: Axes, x: Sequence[float], scores: Sequence[Scores], key: str, **style: Any
) -> None:
    """A score over x with its 95 % intervals. style: of `Axes.errorbar`."""
    values, sides = with_interval(scores, key)
    axis.errorbar(x, values, sides, **style)


def power_of_ten(value: float, _: int) -> str:
    """10 to the power of a whole number, without the small text of mathtext."""
    return "10" + str(round(np.log10(value))).translate(SUPERSCRIPTS)


def panels(
    count: int, columns: int, height: float, sharex: bool | str = False, sharey: bool | str = False
) -> tuple[Figure, list[Axes]]:
    """Panels of equal size, row by row, each `height` inches high."""
    columns = min(count, columns)
    rows = -(-count // columns)
    width = WIDTH if columns > 1 else 0.65 * WIDTH
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width, height * rows + 0.3),
        squeeze=False,
        sharex=sharex,
        sharey=sharey,
    )
    for axis in axes.flat[count:]:
        axis.remove()
    for axis in axes.flat[max(count - columns, 0) : count]:
        axis.tick_params(labelbottom=True)  # no panel may be below it
    return figure, list(axes.flat[:count])


def add_legend(figure: Figure, axes: Iterable[Axes], columns: int = 4) -> None:
    """One legend above all panels, with each label once; many make the figure higher."""
    entries: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    words = [
        short(label) for label in entries
    ]  # different names may have the same, but have their colours
    for ncols in range(columns, 0, -1) if entries else ():
        legend = figure.legend(entries.values(), words, loc="outside upper center", ncols=ncols)
        size = legend.get_window_extent()
        if ncols == 1 or size.width < figure.bbox.width:
            more = max(0, size.height / figure.dpi - FREE)
            figure.set_figheight(figure.get_figheight() + more)
            break
        legend.remove()


def label(figure: Figure, axes: Iterable[Axes], xlabel: str, ylabel: str) -> None:
    """The common labels and the legend of panels."""
    figure.supxlabel(xlabel, fontsize="medium")
    figure.supylabel(ylabel, fontsize="medium")
    add_legend(figure, axes)


def tile(images: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """(n, H, W) uint8 -> one picture, row by row, on white; the rest of the last row is white."""
    n, height, width = images.shape
    rows = -(-n // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        canvas[y : y + height, x : x + width] = image
    return canvas


def encode_frames(frames: np.ndarray, columns: int) -> bytes:
    """One PNG of frames below each other, each a grid of images: (frames, n, 28, 28) uint8.

    It has GREYS grey levels, and is transparent between images.
    """
    grids = np.concatenate([tile(images, columns) for images in frames])
    gaps = np.concatenate([tile(np.zeros_like(images), columns) for images in frames]) > 0
    levels = np.round(grids / 255 * (GREYS - 1)).astype(np.uint8)
    image = Image.fromarray(np.where(gaps, GREYS, levels), "P")
    greys = np.linspace(0, 255, GREYS).round().astype(int)
    image.putpalette([int(grey) for grey in greys for _ in range(3)] + [255] * 3)
    content = io.BytesIO()
    image.save(content, "PNG", bits=4, transparency=GREYS, optimize=True)
    return content.getvalue()


def show(axis: Axes, canvas: np.ndarray) -> None:
    """A picture, (H, W) uint8 or masked, without ticks or frame; masked pixels are transparent."""
    axis.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="none")
    axis.grid(visible=False)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def image_rows(
    rows: Sequence[np.ndarray],
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
) -> Figure:
    """Rows of images, each (n, 28, 28) uint8.

    Labels are to the left of each row and above each column; captions are below each image.
    """
    side, columns = rows[0].shape[-1], max(len(row) for row in rows)
    lines = max((text.count("\n") + 1 for row in captions for text in row), default=0)
    pitch_x, pitch_y = side + GAP, side + (3 + 8 * lines if lines else GAP)
    canvas = np.ma.masked_all((len(rows) * pitch_y - GAP, columns * pitch_x - GAP), np.uint8)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            y, x = i * pitch_y, j * pitch_x
            canvas[y : y + side, x : x + side] = image
    row_labels = [short(label) for label in row_labels]
    lines_of_labels = [line for label in row_labels for line in label.split("\n")]
    label_width = 0.095 * max(map(len, lines_of_labels), default=0)
    width = max(canvas.shape[1] * INCH + 0.3 + label_width, 2.0)
    height = max(canvas.shape[0] * INCH + (0.45 if column_labels else 0.2), 0.8)
    figure, axis = plt.subplots(figsize=(width, height))
    show(axis, canvas)
    axis.set_anchor("W")
    middle = (side - 1) / 2
    axis.set_yticks([i * pitch_y + middle for i in range(len(row_labels))], row_labels)
    axis.set_xticks([j * pitch_x + middle for j in range(len(column_labels))], column_labels)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    for i, texts in enumerate(captions):
        for j, text in enumerate(texts):
            x, y = j * pitch_x + middle, i * pitch_y + side + 1
            axis.text(x, y, text, ha="center", va="top", fontsize=SMALL)
    return figure

"""Score anybody's MNIST samples as the report scores its models, beside real images at the same N:

hotcold score FILE_OR_FOLDER

FILE is a NumPy array (.npy), an archive of one (.npz), or a file of results/samples; FOLDER holds
PNG pictures. Images are 28 x 28 pixels, light on dark, in integers 0..255 or floats 0..1. Brackets
are 95 % intervals. The row of real images is the floor: what a perfect model would get.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from hotcold import samples_file
from hotcold.commands import File, command, pictures
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.metrics.generation import nearest_images
from hotcold.metrics.scorer import Scorer, Scores
from hotcold.numerics import devices
from hotcold.numerics.pixels import SIDE
from hotcold.numerics.tables import read_json
from hotcold.reporting.reading.formatting import interval, number
from hotcold.reporting.text.tables import markdown_table
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, bounded
from hotcold.runtime.params import read

UNREADABLE = (
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
)
WHITE = 192  # the mean level from which images count as dark on light; MNIST's inverse has 222


def load(path: Path, name: str | None) -> Tensor:
    """The images of a file or folder, (N, 1, 28, 28) uint8; name: of the array of an archive.

    Raises UserError, which says what is wrong, if there are none or if they are not like MNIST.
    """
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise UserError(f"{path} does not exist")
    if path.suffix.lower() not in (".npz", ".npy"):
        raise UserError(f"{path} must be a folder of .png pictures, or end in .npz or .npy")
    try:
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else choose(path, loaded, name)
    except UNREADABLE as error:
        raise UserError(
            f"{path} is damaged, or has no numbers written by numpy.save or numpy.savez "
            f"({bounded(error)})"
        ) from None
    return check(path, array)


def choose(path: Path, archive: np.lib.npyio.NpzFile, name: str | None) -> np.ndarray:
    """The array of an archive with this name; by default its only one, or the main set of a file of
    results/samples."""
    names = [each for each in archive.files if each != samples_file.DESCRIPTION]
    if name is None and len(names) == 1:
        (name,) = names
    elif name is None and len(names) < len(archive.files):
        description = json.loads(str(archive[samples_file.DESCRIPTION]))
        name = description.get("main") if isinstance(description, dict) else None
    if name not in names:
        raise UserError(f"{path} has the arrays {bounded(', '.join(names))}: choose one with --set")
    return archive[name]


def read_folder(folder: Path) -> Tensor:
    """All pictures of a folder, in the order of their names."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png")
    if not files:
        raise UserError(f"{folder} has no .png pictures")
    return check(folder, np.stack([pictures.levels(path) for path in files]))


def check(path: Path, array: np.ndarray) -> Tensor:
    """Images as (N, 1, 28, 28) uint8 from an array of their shape, with or without a channel.

    Raises UserError for another shape, type or range, and for images that are dark on light.
    """
    shape = array.shape
    if shape[1:] not in ((SIDE, SIDE), (1, SIDE, SIDE), (SIDE, SIDE, 1)):
        raise UserError(
            f"{path} has the shape {shape}, must be (N, {SIDE}, {SIDE}) or (N, 1, {SIDE}, {SIDE})"
        )
    if not len(array):
        raise UserError(f"{path} has no images")
    if array.dtype.kind not in "uif":
        raise UserError(f"{path} has the type {array.dtype}, must be integers or floats")
    limit = 1 if array.dtype.kind == "f" else 255
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= limit):  # also of NaN
        raise UserError(
            f"{path} has values from {low} to {high}, must be 0..255 in integers or 0..1 in floats"
        )
    if array.dtype.kind != "f" and high == 1:
        raise UserError(f"{path} has integers from {low} to {high}, must be 0..255")
    levels = (array * 255).round() if array.dtype.kind == "f" else array
    if levels.mean() > WHITE:
        mean = f"mean level {levels.mean():.0f}"
        raise UserError(f"{path} is dark on light ({mean}), must be light on dark")
    return torch.from_numpy(levels.astype(np.uint8).reshape(-1, 1, SIDE, SIDE))


def score(images: Tensor, reference: Path = paths.RESULTS) -> tuple[Scores, Scores]:
    """All scores of the report for the images, and for real ones: validation images, as many as
    there are images, or all if there are fewer; without MNIST, those of the report. reference: see
    `Scorer.load`."""
    scorer = Scorer.load(device=devices.device(), with_inception=True, results=reference)
    if not paths.MNIST.exists():
        return scorer(images), read_json(reference / paths.REAL_SCORES.relative_to(paths.RESULTS))
    training = mnist.images("train")
    split = mnist.split(len(training), read("data", DataParams))
    found = []
    for each in (images, training[split.held_out[: len(images)]]):
        distance, _ = nearest_images(each, training[split.train])
        found.append(scorer(each) | {"nearest_training_distance": distance.mean().item()})
    return found[0], found[1]


def table(images: Scores, real: Scores) -> str:
    """A row for each score, with its interval or its deviation if it has one."""

    def cell(scores: Scores, key: str) -> str:
        if f"{key}_below" in scores:
            return interval(scores, key)
        deviation = f" ± {number(scores[f'{key}_std'])}" if f"{key}_std" in scores else ""
        return number(scores[key], 4 if key == "images" else 3) + deviation

    keys = [key for key in images if not key.endswith(("_below", "_above", "_std"))]
    rows = [[key, cell(images, key), cell(real, key)] for key in keys]
    return markdown_table(rows, ["score", "images", "real"])


@command(__doc__)
@click.argument("path", metavar="FILE_OR_FOLDER", type=File())
@click.option("--set", "name", metavar="NAME", help="of the array, if an archive has several")
@click.option("--json", "as_json", is_flag=True, help="all scores as JSON")
@click.option(
    "--reference",
    type=File(),
    metavar="FOLDER",
    help="with classifier/ and real/ of the results of a project (results)",
)
def main(path: Path, name: str | None, as_json: bool, reference: Path | None) -> None:
    images, real = score(load(path, name), reference or paths.RESULTS)
    if as_json:
        print(json.dumps({"images": images, "real": real}, indent=1))
    else:
        print(table(images, real))

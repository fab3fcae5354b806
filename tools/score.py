"""Score anybody's MNIST samples as the report scores its models, beside real images at the same N:

python -m tools.score FILE_OR_FOLDER

FILE is a NumPy array (.npy), an archive of one (.npz), or a file of results/samples; FOLDER holds
PNG pictures. Images are 28 x 28 pixels, light on dark, in integers 0..255 or floats 0..1. Brackets
are 95 % intervals. The row of real images is the floor: what a perfect model would get.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hotcold import image_sets
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.metrics.generation import nearest
from hotcold.metrics.scorer import Scorer, Scores
from hotcold.numerics import devices
from hotcold.numerics.pixels import SIDE
from hotcold.reporting.formatting import interval, number
from hotcold.runtime import cli
from hotcold.runtime.errors import UserError, bounded, run
from hotcold.runtime.params import read
from tools import pictures

NUMPY_FILES = (np.lib.format.MAGIC_PREFIX, b"PK\x03\x04", b"PK\x05\x06")  # .npy; .npz, also empty
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
    return check(path, read_array(path, name))


def read_array(path: Path, name: str | None) -> np.ndarray:
    """The array of a file, or of this name in an archive.

    Raises UserError if there is none, or if the file is damaged or has Python objects.
    """
    content = path.read_bytes()
    if not content.startswith(NUMPY_FILES):
        raise UserError(f"{path} is not a file of NumPy, must be one of numpy.save or numpy.savez")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damage ends in an error, or does not matter
            loaded = np.load(io.BytesIO(content), allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else choose(path, loaded, name)
    except UserError:
        raise
    except Exception as error:  # of NumPy, zipfile or a compression
        if "allow_pickle" in str(error):
            raise UserError(f"{path} has Python objects, must have numbers") from None
        reason = bounded(error) or type(error).__name__
        raise UserError(f"{path} is damaged, or too large for the memory ({reason})") from None


def choose(path: Path, archive: np.lib.npyio.NpzFile, name: str | None) -> np.ndarray:
    """The array of an archive with this name; by default its only one, or the main set of a file of
    results/samples."""
    names = [each for each in archive.files if each != image_sets.DESCRIPTION]
    if not names:
        raise UserError(f"{path} has no array of images")
    if name is None:
        name = names[0] if len(names) == 1 else main_set(archive)
    if name not in names:
        raise UserError(f"{path} has the arrays {bounded(', '.join(names))}: choose one with --set")
    array = archive[name]
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path} has other content than an array in {bounded(name)}")
    return array


def main_set(archive: np.lib.npyio.NpzFile) -> str | None:
    """What the description of a file of results/samples names; None in an archive of others."""
    try:
        return json.loads(str(archive[image_sets.DESCRIPTION]))["main"]
    except (LookupError, RecursionError, TypeError, ValueError):
        return None


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


def score(images: Tensor) -> tuple[Scores, Scores]:
    """All scores of the report for the images, and for real ones: validation images, as many as
    there are images, or all if there are fewer."""
    scorer = Scorer.load(device=devices.device(), with_inception=True)
    training = mnist.images("train")
    split = mnist.split(len(training), read("data", DataParams))
    found = []
    for each in (images, training[split.held_out[: len(images)]]):
        distance, _ = nearest(each, training[split.train])
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
    rows = [f"| {key} | {cell(images, key)} | {cell(real, key)} |" for key in keys]
    return "\n".join(["| score | images | real |", "|---|---|---|", *rows])


def parse() -> argparse.Namespace:
    """The command line."""
    parser = cli.parser("tools.score", __doc__)
    parser.add_argument("path", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--set", metavar="NAME", help="of the array, if an archive has several")
    parser.add_argument("--json", action="store_true", help="all scores as JSON")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    images, real = score(load(arguments.path, arguments.set))
    if arguments.json:
        print(json.dumps({"images": images, "real": real}, indent=1))
    else:
        print(table(images, real))


if __name__ == "__main__":
    run(main)

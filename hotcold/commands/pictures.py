"""Shared by the commands that read and write pictures: options, model, PNG files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor

from hotcold.commands import File, Name, command, outputs
from hotcold.models.model import DiffusionModel
from hotcold.numerics.pixels import SIDE, to_pixels
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError

MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK"}  # Pillow's names of 8-bit modes
SCALE = 4  # enlargement, so that single pixels are visible
LABEL = 20  # height of the line of labels, in enlarged pixels


def weights_option(main: Callable[..., None]) -> Callable[..., None]:
    """The option that names a file of weights, or the folder of a model."""
    words = "a file of weights, or the folder of a model (results/models/MODEL)"
    return click.option("--weights", "--checkpoint", type=File(), metavar="PATH", help=words)(main)


def model_command(doc: str | None, output: str) -> Callable[[Callable[..., None]], click.Command]:
    """Decorator: a command that applies a model and writes a picture, by default to `output`."""

    def decorate(main: Callable[..., None]) -> click.Command:
        path = click.option("--output", type=File(), default=output, metavar="PNG")
        return command(doc)(click.argument("model", type=Name())(weights_option(path(main))))

    return decorate


def load(name: str, weights: Path | None, device: torch.device | str = "cpu") -> DiffusionModel:
    """The model of the command line, see `DiffusionModel.load`; weights: of --weights."""
    best = paths.weights(name)
    if weights is None:
        cli.known_model(name)
        if not paths.PARAMS.exists():
            raise UserError(f"outside of a project, --weights must name the folder of {name}")
    elif weights.is_dir():
        weights /= best.name
    return DiffusionModel.load(weights or best, device)


def source(name: str, weights: Path | None, model: DiffusionModel) -> str:
    """Which weights made the picture, in words."""
    shown = model.description.get("model", weights) if weights else name
    return f"{shown}, epoch {model.description.get('epoch', 'unknown')}"


def save(path: Path, canvas: np.ndarray, labels: Sequence[str] = ()) -> None:
    """Write an enlarged picture atomically; canvas: (H, W) uint8. The labels, if there are any,
    stand above columns of equal width."""
    enlarged = Image.fromarray(canvas.repeat(SCALE, 0).repeat(SCALE, 1))
    if labels:
        enlarged = ImageOps.expand(enlarged, (0, LABEL, 0, 0), fill=255)
        draw, font = ImageDraw.Draw(enlarged), ImageFont.load_default(LABEL - 6)
        for k, label in enumerate(labels):
            centre = (k + 0.5) * enlarged.width / len(labels)
            draw.text((centre, LABEL / 2), label, fill=0, font=font, anchor="mm")
    outputs.write(path, enlarged.save)


def levels(path: Path, background: int | None = None) -> np.ndarray:
    """The grey levels of a picture, (28, 28) uint8.

    background: a picture of another size is resized, with margins of this level if it is not
    square; without it such a picture is refused.

    Raises UserError if the file is missing, is not a picture, or has another size, transparent
    pixels, or more than 8 bits.
    """
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)  # a copy, decoded
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (OSError, SyntaxError, ValueError):  # also for a damaged file
        raise UserError(f"{path} is not a picture that Pillow can read") from None
    if picture.mode not in MODES:
        raise UserError(f"{path} has pixels of mode {picture.mode}, must be one of 8 bits")
    if picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise UserError(f"{path} has transparent pixels, must be opaque")
    grey = picture.convert("RGB").convert("L")
    if grey.size != (SIDE, SIDE):
        size = f"{grey.width} x {grey.height} pixels"
        if background is None:
            raise UserError(f"{path} has {size}, must have {SIDE} x {SIDE}")
        print(f"{path}: {size}, resized to {SIDE} x {SIDE}")
        grey = ImageOps.pad(grey, (SIDE, SIDE), color=background)
    return np.asarray(grey)


def read(path: Path, invert: bool, resize: bool = False) -> Tensor:
    """A picture as pixels, (1, 1, 28, 28), light on dark as in MNIST.

    invert: the picture is dark on light. resize: it may have another size.
    Raises UserError, see `levels`.
    """
    background = 255 if invert else 0
    picture = levels(path, background if resize else None)
    return to_pixels(torch.from_numpy(255 - picture if invert else picture.copy())[None, None])

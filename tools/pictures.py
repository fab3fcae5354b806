"""Shared by the tools that read and write pictures: command line, model, PNG files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics.pixels import SIDE, to_pixels
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError
from tools import outputs

MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK"}  # Pillow's names of 8-bit modes
SCALE = 4  # enlargement, so that single pixels are visible
LABEL = 20  # height of the line of labels, in enlarged pixels


def parser(tool: str, doc: str | None, output: str) -> argparse.ArgumentParser:
    """The parser of a tool that applies a model and writes a picture, by default to `output`."""
    options = cli.parser(f"tools.{tool}", doc)
    cli.add_model(options)
    options.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="weights (results/models/MODEL/best.safetensors)",
    )
    options.add_argument(
        "--output", type=Path, default=Path(output), metavar="PNG", help=f"({output})"
    )
    return options


def load(arguments: argparse.Namespace, device: torch.device) -> DiffusionModel:
    """The model of the command line, see `DiffusionModel.load`."""
    return DiffusionModel.load(arguments.checkpoint or paths.weights(arguments.model), device)


def source(arguments: argparse.Namespace, model: DiffusionModel) -> str:
    """Which weights made the picture, in words."""
    file = arguments.checkpoint
    name = model.description.get("model", file) if file else arguments.model
    return f"{name}, epoch {model.description.get('epoch', 'unknown')}"


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

"""Shared by the tools that read and write pictures: command line, model, PNG files."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from diffusion.models.model import DiffusionModel
from diffusion.runtime import cli, paths
from diffusion.runtime.errors import UserError
from diffusion.runtime.pixels import SIDE, to_pixels

SCALE = 4  # enlargement, so that single pixels are visible


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


def check_output(path: Path) -> None:
    """Raises UserError, before any work, if no picture can be written to this path."""
    if path.suffix.lower() != ".png":
        raise UserError(f"--output is {path}, must end in .png")
    if not path.absolute().parent.is_dir():
        raise UserError(f"--output is {path}: there is no folder {path.parent}")


def save(path: Path, canvas: np.ndarray) -> None:
    """Write an enlarged picture; canvas: (H, W) uint8."""
    Image.fromarray(canvas.repeat(SCALE, 0).repeat(SCALE, 1)).save(path)


def levels(path: Path) -> np.ndarray:
    """The grey levels of a picture, (H, W) uint8. Raises UserError if it is missing or is none."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture that Pillow can read") from None


def read(path: Path, invert: bool) -> Tensor:
    """A picture as pixels, (1, 1, 28, 28), light on dark as in MNIST.

    invert: the picture is dark on light. Raises UserError if the file is missing, is not a
    picture, or has another size.
    """
    picture = levels(path)
    if picture.shape != (SIDE, SIDE):
        raise UserError(
            f"{path} has {picture.shape[1]} x {picture.shape[0]} pixels, must have {SIDE} x "
            f"{SIDE}: resize it first, because resizing would change the noise"
        )
    return to_pixels(torch.from_numpy(255 - picture if invert else picture.copy())[None, None])

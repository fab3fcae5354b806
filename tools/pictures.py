"""What the commands that work on pictures share: the model asked for, images in, PNG out."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor, nn

from diffusion import mnist as data
from diffusion.models import trained
from diffusion.models.cnn import SIDE
from diffusion.runtime.errors import UserError

ENLARGED = 4  # times, so that a pixel can be seen


def parser(tool: str, doc: str, output: str) -> argparse.ArgumentParser:
    """For a tool that applies a model and writes a picture, by default `output`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m tools.{tool}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a key of `models` in params.yaml: model1")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="its weights (results/models/MODEL/best.safetensors)",
    )
    parser.add_argument(
        "--output", type=Path, default=Path(output), metavar="PNG", help=f"({output})"
    )
    return parser


def load(
    given: argparse.Namespace, device: torch.device
) -> tuple[nn.Module, trained.Process, dict]:
    """The model that is asked for, see `trained.load`."""
    file = Path("results/models") / given.model / "best.safetensors"
    return trained.load(given.checkpoint or file, device)


def check_output(path: Path) -> None:
    """Raises UserError where a picture could not go there, before any work."""
    if path.suffix.lower() != ".png":
        raise UserError(f"--output is {path}, must end in .png")
    if not path.absolute().parent.is_dir():
        raise UserError(f"--output is {path}: there is no folder {path.parent}")


def save(path: Path, canvas: np.ndarray) -> None:
    """canvas: (H, W) uint8."""
    Image.fromarray(canvas.repeat(ENLARGED, 0).repeat(ENLARGED, 1)).save(path)


def read(path: Path, invert: bool) -> Tensor:
    """A picture as MNIST has them, light on dark: (1, 1, 28, 28) pixels.

    invert: it is dark on light. Raises UserError for what is no picture of that size.
    """
    try:
        with Image.open(path) as picture:
            levels = np.asarray(picture.convert("L"))
    except FileNotFoundError:
        raise UserError(f"{path} is not there") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is no picture that Pillow can read") from None
    if levels.shape != (SIDE, SIDE):
        raise UserError(
            f"{path} has {levels.shape[1]} x {levels.shape[0]} pixels, must have {SIDE} x {SIDE}: "
            "resizing would change the noise, so do it before"
        )
    return data.to_pixels(torch.from_numpy(255 - levels if invert else levels.copy())[None, None])

"""Pictures of any kind are read right, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hotcold.commands.pictures import read, source
from hotcold.numerics.pixels import to_levels
from hotcold.runtime.errors import UserError

LEVELS = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)


def levels_of(path: Path, invert: bool = False) -> np.ndarray:
    return to_levels(read(path, invert))[0, 0].numpy()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
def test_eight_bits_in_any_mode(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(LEVELS).convert(mode)
    path = tmp_path / "digit.tiff"
    picture.save(path)
    assert np.abs(levels_of(path).astype(int) - LEVELS).max() <= 1
    assert (levels_of(path, invert=True) == 255 - levels_of(path)).all()


def test_rotation_of_a_camera_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the picture is stored rotated by 90 degrees
    path = tmp_path / "rotated.png"
    Image.fromarray(np.rot90(LEVELS)).save(path, exif=exif)
    assert (levels_of(path) == LEVELS).all()


def test_other_size_is_resized_with_a_margin_like_the_background(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square = np.zeros((56, 56), np.uint8)
    square[16:40, 16:40] = 200
    path = tmp_path / "large.png"
    Image.fromarray(square).save(path)
    small = to_levels(read(path, invert=False, resize=True))[0, 0].numpy()
    assert capsys.readouterr().out == f"{path}: 56 x 56 pixels, resized to 28 x 28\n"
    assert (small[10:18, 10:18] == 200).all()  # the filter changes the edges
    assert (small[:6] == 0).all()
    Image.fromarray(255 - square[16:40]).save(path)  # dark on light, wide
    wide = to_levels(read(path, invert=True, resize=True))[0, 0].numpy()
    assert (wide[:7] == 0).all()  # margins
    assert (wide[10:18, 10:18] == 200).all()


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read(path, invert=False)
    return str(error.value)


def test_what_has_no_right_meaning_is_refused(tmp_path: Path) -> None:
    picture = Image.fromarray(LEVELS)
    Image.fromarray(LEVELS.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert "has pixels of mode I;16, must be one of 8 bits" in refusal(tmp_path / "deep.png")
    clear = picture.convert("RGBA")
    clear.putpixel((3, 3), (0, 0, 0, 10))
    clear.save(tmp_path / "clear.png")
    assert "has transparent pixels, must be opaque" in refusal(tmp_path / "clear.png")
    Image.new("L", (29, 28)).save(tmp_path / "wide.png")
    assert "has 29 x 28 pixels, must have 28 x 28" in refusal(tmp_path / "wide.png")
    assert "does not exist" in refusal(tmp_path / "nothing.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "half.png").write_bytes((tmp_path / "clear.png").read_bytes()[:400])
    for path in (tmp_path, tmp_path / "text.png", tmp_path / "half.png"):
        assert f"{path} is not a picture that Pillow can read" == refusal(path)


def test_a_picture_is_said_to_be_of_the_model_in_the_file() -> None:
    network = SimpleNamespace(description={"model": "model2", "epoch": 3})
    file = Path("other.safetensors")
    assert source("model5", file, network) == "model2, epoch 3"
    assert source("model5", None, network) == "model5, epoch 3"
    assert source("model5", file, SimpleNamespace(description={})) == f"{file}, epoch unknown"

"""Get the Inception-v3 weights for the FID that the literature uses, 96 MB.

With `evaluation.inception: auto` the workflow goes on without them where they cannot be had.
"""

from __future__ import annotations

from pathlib import Path

from diffusion.runtime.errors import UserError, run

# isort: split
import diffusion.runtime.torchvision_ops  # noqa: F401  (before torch_fidelity)

# isort: split
import torch
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

from diffusion.downloads.fetch import FetchError, fetch, sha256
from diffusion.metrics.inception import WEIGHTS
from diffusion.metrics.params import InceptionUse
from diffusion.runtime import cli as arguments
from diffusion.runtime.files import write
from diffusion.runtime.params import read

SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
NOTE = WEIGHTS.parent / "README.txt"
HOW = (
    f"To have it, get {WEIGHTS.name} from the releases of torch-fidelity, set "
    "evaluation.inception_weights in params.yaml to its path, and run dvc repro."
)


def get(own_path: str | None) -> bytes:
    """The weights' content, from an own path, PyTorch's hub cache, or the network.

    Raises FetchError.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS.name
    path = Path(own_path) if own_path else cached
    if own_path and not path.is_file():
        raise FetchError(f"evaluation.inception_weights: no file {own_path}")
    content = path.read_bytes() if path.is_file() else fetch(URL_INCEPTION_V3)
    if sha256(content) != SHA256:
        raise FetchError(f"{path if path.is_file() else 'the download'} has another SHA-256")
    return content


def main() -> None:
    arguments.none(__doc__, "download_inception")
    use = read("evaluation.inception", InceptionUse)
    own_path = read("evaluation.inception_weights", str | None)
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    if use == "off":
        text = "Not asked for: evaluation.inception is 'off'."
    else:
        try:
            write(WEIGHTS, get(own_path))
            text = "Weights verified by SHA-256."
        except FetchError as error:
            if use == "required" or own_path:
                raise UserError(f"Inception weights: {error}. {HOW}") from None
            text = f"The weights could not be had ({error}). {HOW}"
    NOTE.write_text(text + "\n")
    print(f"download_inception: {text}")


if __name__ == "__main__":
    run(main)

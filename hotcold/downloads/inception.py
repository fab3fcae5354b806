"""The Inception-v3 weights for the FID of the literature, 96 MB."""

from pathlib import Path

import torch

import hotcold.runtime.torchvision_ops  # noqa: F401  (before torch_fidelity)
from hotcold.downloads.fetch import FetchError, fetch, sha256
from hotcold.runtime import paths

SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
NAME = paths.INCEPTION_WEIGHTS.name
HOW = (
    f"To use them, get {NAME} from the releases of torch-fidelity, set inception.weights in "
    "params.yaml to its path, and run dvc repro."
)


def get_weights(path: str | None) -> bytes:
    """The weights: of `path`, of PyTorch's hub cache, or over the network. Raises FetchError."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    cached = Path(torch.hub.get_dir()) / "checkpoints" / NAME
    source = path or (str(cached) if cached.exists() else URL_INCEPTION_V3)
    content = fetch(source)
    if sha256(content) != SHA256:
        raise FetchError(f"{source} does not have the SHA-256 of the genuine file")
    return content

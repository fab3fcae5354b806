"""The Inception-v3 weights for the FID of the literature, 96 MB."""

from __future__ import annotations

from pathlib import Path

import torch

import hotcold.runtime.torchvision_ops  # noqa: F401  (before torch_fidelity)
from hotcold.downloads.fetch import FetchError, fetch, read, sha256
from hotcold.runtime import paths

SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SIZE = 95_628_359  # bytes
NAME = paths.INCEPTION_WEIGHTS.name
HOW = (
    f"To use them, get {NAME} from the releases of torch-fidelity, set inception.weights in "
    "params.yaml to its path, and run dvc repro."
)


def get_weights(path: str | None) -> bytes:
    """The content of the weights file: of `path`, of PyTorch's hub cache, or over the network.

    Raises FetchError.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    cached = Path(torch.hub.get_dir()) / "checkpoints" / NAME
    source = Path(path) if path else cached
    content, origin = read(source, SIZE), str(source)
    if path and content is None:
        raise FetchError(f"inception.weights: there is no file {path}")
    if content is None:
        content, origin = fetch(URL_INCEPTION_V3, SIZE), "the download"
    if sha256(content) != SHA256:
        raise FetchError(f"{origin} does not have the SHA-256 of the genuine file")
    return content

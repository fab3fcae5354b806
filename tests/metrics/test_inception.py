"""Inception features agree with torch-fidelity.

The weights are random, because the genuine ones cannot be distributed with the tests.
"""

import os
from pathlib import Path

import pytest
import torch
from conftest import write_random_inception
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from hotcold.metrics.inception import find_inception
from hotcold.runtime.errors import UserError

CPU = torch.device("cpu")


def test_features_agree_with_torch_fidelity(tmp_path: Path, rng: torch.Generator) -> None:
    weights = tmp_path / "random.pth"
    assert find_inception(CPU, weights) is None
    write_random_inception(weights)
    images = torch.randint(0, 256, (12, 1, 28, 28), generator=rng, dtype=torch.uint8)
    extract = find_inception(CPU, weights, batch_size=5)
    assert extract is not None
    found = extract(images)
    reference = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(weights)).eval()
    with torch.no_grad():
        (expected,) = reference(images.expand(-1, 3, -1, -1))
    assert found.shape == (12, 2048)
    assert found.std() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


class Code:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("was_run",)


@pytest.mark.parametrize("damage", ["code", "truncated", "page"])
def test_weights_that_contain_code_or_are_damaged_are_refused(inside: Path, damage: str) -> None:
    path = inside / "weights.pth"
    torch.save({"x": Code() if damage == "code" else torch.ones(99)}, path)
    if damage != "code":
        path.write_bytes(path.read_bytes()[:-50] if damage == "truncated" else b"<html>")
    with pytest.raises(UserError, match=r"weights\.pth is damaged .*: delete it and run dvc repro"):
        find_inception(CPU, path)
    assert not (inside / "was_run").exists()

"""Inception features and their FID agree with torch-fidelity.

The weights are random, because the genuine ones cannot be distributed with the tests.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_random_inception
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from hotcold.metrics.frechet import Frechet
from hotcold.metrics.inception import find_inception
from hotcold.runtime.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    write_random_inception(path)
    return path


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    real = torch.randint(0, 256, (12, 1, 28, 28), generator=g, dtype=torch.uint8)
    return real, real.flip(0) // 2


@pytest.fixture(scope="module")
def features(
    weights: Path, images: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    extract = find_inception(CPU, weights, batch_size=5)
    assert extract is not None
    return extract(images[0]), extract(images[1])


def test_features_agree_with_torch_fidelity(
    weights: Path,
    images: tuple[torch.Tensor, torch.Tensor],
    features: tuple[torch.Tensor, torch.Tensor],
) -> None:
    reference = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(weights)).eval()
    with torch.no_grad():
        (expected,) = reference(images[0].expand(-1, 3, -1, -1))
    assert features[0].shape == (12, 2048)
    assert features[0].std() > 1e-3
    torch.testing.assert_close(features[0], expected, rtol=1e-3, atol=1e-5)


def test_distance_agrees_with_torch_fidelity(
    features: tuple[torch.Tensor, torch.Tensor],
) -> None:
    # In the first 10 features, where 12 images determine a covariance.
    real, generated = features[0][:, :10], features[1][:, :10]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = fid_statistics_to_metric(
            fid_features_to_statistics(real), fid_features_to_statistics(generated), verbose=False
        )["frechet_inception_distance"]
    assert Frechet(real)(generated) == pytest.approx(expected, rel=1e-3)
    assert np.isfinite(Frechet(features[0])(features[1]))


def test_without_a_file_there_are_no_features(tmp_path: Path) -> None:
    assert find_inception(CPU, tmp_path / "none.pth") is None


class Code:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("was_run",)


@pytest.mark.parametrize("damage", ["code", "truncated", "page"])
def test_weights_that_contain_code_or_are_damaged_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    torch.save({"x": Code() if damage == "code" else torch.ones(99)}, path)
    if damage != "code":
        path.write_bytes(path.read_bytes()[:-50] if damage == "truncated" else b"<html>")
    with pytest.raises(UserError, match=r"weights\.pth is damaged .*: delete it and run dvc repro"):
        find_inception(CPU, path)
    assert not (tmp_path / "was_run").exists()

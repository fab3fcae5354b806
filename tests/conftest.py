"""Fixtures that several test files share."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import diffusion.runtime.errors  # noqa: F401  (before PyTorch: how threads share the processor)

# isort: split
import numpy as np
import pytest
import torch
import yaml

from diffusion.mnist import FILES
from diffusion.runtime.params import load
from stages import check_params
from tools.copy_project import set_key

ROOT = Path(__file__).resolve().parent.parent

# A budget at which every stage takes seconds, and models of both kinds.
TINY = {
    "classifier.images": 512,
    "classifier.epochs": 1,
    "training.epochs": 2,
    "training.batch_size": 16,
    "training.images": 32,
    "training.validation_images": 16,
    "training.checkpoints": [1],
    "sampling.images": 6,
    "sampling.progress_images": 2,
    "sampling.samplers": {},
    "step_study.steps": [2, 3],
    "step_study.etas": [0.0, 0.5],
    "evaluation.splits": 2,
    "evaluation.reference": 200,
    "evaluation.bootstrap": 3,
    "evaluation.inception": "off",
    "figures.dpi": 50,
    "models": {
        "model2": {
            "degradation": {"kind": "gaussian", "beta": [0.01, 0.5], "T": 6},
            "network": {"kind": "cnn", "hidden": [2, 3]},
            "learning_rate": 1.0e-3,
        },
        "model4": {
            "degradation": {"kind": "impulse", "rho": [0.05, 0.25], "T": 5},
            "network": {"kind": "cnn", "hidden": [2], "dropout": 0.15},
            "learning_rate": 2.0e-4,
            "plateau": {"factor": 0.5, "patience": 3},
        },
    },
}


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def write_idx(path: Path, array: np.ndarray) -> None:
    """An IDX file, the format of MNIST."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + array.tobytes())


def write_fake_mnist(folder: Path) -> None:
    """60,000 + 10,000 images of the real layout: for every label a bar at its own height."""
    random = np.random.default_rng(0)
    for part, count in (("train", 60_000), ("test", 10_000)):
        labels = random.integers(0, 10, count, dtype=np.uint8)
        images = random.integers(0, 30, (count, 28, 28), dtype=np.uint8)
        rows = 4 + 2 * labels[:, None] + np.arange(2)
        images[np.arange(count)[:, None], rows, 4:24] = 230
        write_idx(folder / FILES[part, "images"], images)
        write_idx(folder / FILES[part, "labels"], labels)


def write_random_inception(path: Path) -> None:
    """A weights file of the layout of Inception-v3 with random values, such that activations
    neither vanish nor explode."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    class Empty(NoTrainInceptionV3):
        def load_state_dict(self, *_: object, **__: object) -> None:
            pass

    torch.save({}, path)
    torch.manual_seed(0)
    network = Empty("inception-v3-compat", ["2048"], str(path))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), path)


def prepare(folder: Path) -> None:
    """What the stages need to run one by one: data, templates, published numbers; no git."""
    write_fake_mnist(folder / "data/mnist")
    (folder / "data/inception").mkdir()
    (folder / "data/inception/README.txt").write_text("Why there are <no> weights.\n")
    (folder / "report").mkdir()
    for name in ("published", "template.md.j2", "page.html.j2", "style.mplstyle"):
        (folder / "report" / name).symlink_to(ROOT / "report" / name)


def write_params(folder: Path, **overrides: Any) -> None:
    """params.yaml with TINY and other parameters, and what the check of it leaves."""
    values = copy.deepcopy(load(ROOT / "params.yaml"))
    for key, value in (TINY | overrides).items():
        set_key(values, key, value)
    text = yaml.safe_dump(json.loads(json.dumps(values)), sort_keys=False)
    (folder / "params.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["check_params"])
        check_params.main()


def run_stage(folder: Path, module: ModuleType, *arguments: str, **overrides: Any) -> None:
    """One stage in this process, with TINY and other parameters."""
    write_params(folder, **overrides)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEVICE", "cpu")
        patch.setattr(sys, "argv", [module.__name__, *arguments])
        module.main()

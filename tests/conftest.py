"""Fixtures and functions that several test files share."""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import stages  # noqa: F401  (before PyTorch: see hotcold/runtime/startup.py)

# isort: split
import hypothesis
import numpy as np
import pytest
import torch
import yaml
from examples import NETWORKS, PROCESSES

import hotcold.runtime.torchvision_ops  # noqa: F401  (before torchmetrics)
from hotcold.data.mnist import FILES
from hotcold.models import kinds, process
from hotcold.models.model import DiffusionModel
from hotcold.models.process import Process
from hotcold.processes.impulse.process import GreyImpulse, MaskedImpulse
from hotcold.reporting.reading.published import CITATION
from hotcold.reporting.text.labels import BIBLIOGRAPHY
from hotcold.runtime import paths
from hotcold.runtime.params import load
from stages import (
    check_params,
    evaluate,
    evaluate_real,
    figures,
    likelihood,
    report,
    sample,
    step_study,
    train,
    train_classifier,
)
from tools.copy_project import set_key

ROOT = Path(__file__).resolve().parent.parent
os.environ["DEVICE"] = "cpu"  # of stages and tools, here and in processes of their own
os.environ.pop("DVC_ROOT", None)

# The same examples in every run and no deadline: a slow machine is not a failure.
hypothesis.settings.register_profile(
    "project", derandomize=True, deadline=None, database=None, max_examples=50
)
hypothesis.settings.load_profile("project")

# A budget at which every stage takes seconds, and models of both kinds.
TINY = {
    "classifier.images": 512,
    "classifier.epochs": 1,
    "training.epochs": 2,
    "training.batch_size": 16,
    "training.images": 32,
    "training.validation_images": 16,
    "training.checkpoints": [1],
    "sampling.images": 20,
    "sampling.progress_images": 2,
    "step_study": {
        "ancestral": {"plain": {"steps": [2, 3], "eta": [0.0, 0.5]}},
        "blurring": {"plain": {"steps": [2, 3]}},
        "categorical": {
            "plain": {"steps": [2, 3], "eta": [0.0, 0.5]},
            "churned": {"steps": 3, "churn": 2.5},
        },
        "cold": {},
        "ddim": {
            "plain": {"steps": [2, 3], "eta": [0.0, 0.5]},
            "guided": {"steps": 3, "eta": 0.5, "guidance": [0.0, 1.0, 3.0]},
        },
        "inverse_dissipation": {},
        "ode": {"plain": {"steps": [2, 3], "method": ["euler", "heun"]}},
    },
    "evaluation.splits": 2,
    "evaluation.permutations": 2,
    "evaluation.subsets": 2,
    "evaluation.reference": 200,
    "evaluation.bootstrap": 3,
    "likelihood.images": 6,
    "likelihood.steps": 2,
    "inception.use": "off",
    "figures.dpi": 50,
    "models": {
        "model2": {
            "degradation": {"kind": "gaussian", "beta": [0.01, 0.5], "T": 6},
            "network": {"kind": "cnn", "hidden": [2, 3], "predicts": "eps"},
            "training": {"learning_rate": 1.0e-3},
            "sampler": {"kind": "ancestral"},
        },
        "model4": {
            "degradation": {"kind": "impulse", "rho": [0.05, 0.25], "T": 5},
            "network": {"kind": "cnn", "hidden": [2], "dropout": 0.15, "predicts": "x_0"},
            "training": {"learning_rate": 2.0e-4, "plateau": {"factor": 0.5, "patience": 3}},
            "sampler": {"kind": "cold", "start": "validation"},
        },
    },
}


def build_process(name: str) -> Process:
    """The process of one of PROCESSES, with what it takes from training images."""
    block = PROCESSES[name]
    images = torch.linspace(-0.4, -0.2, 50).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    return process.build(process.build(block).fitted(block, images))


def build_network(
    block: dict[str, Any], in_channels: int = 1, out_channels: int = 1
) -> torch.nn.Module:
    """A network with the same random weights in every call."""
    torch.manual_seed(0)
    return kinds.behaviour("networks", block["kind"], "build")(block, in_channels, out_channels)


def build_model(name: str, predicts: str) -> DiffusionModel:
    """A model of one of PROCESSES with a small network, in evaluation mode."""
    forward = build_process(name)
    block = NETWORKS["unet" if forward.levels else "cnn"]
    network = build_network(block, forward.channels, forward.levels or 1)
    return DiffusionModel(network.eval(), forward, predicts)


def paths_of(process: GreyImpulse, x_0: int) -> dict[tuple[int, ...], float]:
    """Every path x_0, x_1, ..., x_T of the level of one pixel, where `levels` is a mask, and its
    probability, from the time and sort of its noise: from t on with probability
    2 (rho_t - rho_{t-1}), shared by pepper and salt."""
    is_masked = isinstance(process, MaskedImpulse)
    sorts = (process.levels,) if is_masked else (0, process.levels - 1)
    rho, T = [0.0, *process.density.tolist()[1:]], process.T
    found: dict[tuple[int, ...], float] = {}
    for t, noise in itertools.product(range(1, T + 1), sorts):
        path = (*[x_0] * t, *[noise] * (T + 1 - t))
        found[path] = found.get(path, 0.0) + 2 * (rho[t] - rho[t - 1]) / len(sorts)
    return found


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder, as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write an IDX file, the format of MNIST."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + array.tobytes())


def write_fake_mnist(folder: Path) -> None:
    """60,000 + 1000 images in the format of MNIST: each label is a bar at its own height."""
    random = np.random.default_rng(0)
    for part, count in (("train", 60_000), ("test", 1000)):
        labels = random.integers(0, 10, count, dtype=np.uint8)
        images = random.integers(0, 30, (count, 28, 28), dtype=np.uint8)
        rows = 4 + 2 * labels[:, None] + np.arange(2)
        images[np.arange(count)[:, None], rows, 4:24] = 230
        write_idx(folder / FILES[part, "images"], images)
        write_idx(folder / FILES[part, "labels"], labels)


def write_random_inception(path: Path) -> None:
    """Write weights of Inception-v3 with random values, such that activations neither vanish nor
    explode."""
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
    """Write the inputs that the stages need to run one by one, without git and DVC."""
    write_fake_mnist(folder / paths.MNIST)
    (folder / paths.INCEPTION).mkdir()
    (folder / paths.INCEPTION_NOTE).write_text("Why there are <no> weights.\n")
    (folder / paths.REPORT).mkdir()
    for path in (paths.PUBLISHED, paths.TEMPLATES, paths.STYLE, BIBLIOGRAPHY, CITATION):
        (folder / path).symlink_to(ROOT / path)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with these inputs."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


def write_params(folder: Path, **overrides: Any) -> None:
    """Write a params.yaml with TINY and other parameters, and run check_params on it."""
    values = copy.deepcopy(load(ROOT / paths.PARAMS))
    for key, value in (TINY | overrides).items():
        set_key(values, key, value)
    text = yaml.safe_dump(json.loads(json.dumps(values)), sort_keys=False)
    (folder / paths.PARAMS).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["check_params"])
        check_params.main()


def run_stage(folder: Path, module: ModuleType, *arguments: str, **overrides: Any) -> None:
    """Run one stage in this process, with TINY and other parameters."""
    write_params(folder, **overrides)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [module.__name__, *arguments])
        module.main()


def run_all(folder: Path, **overrides: Any) -> None:
    """Run all stages after the downloads in this process, without the imports of a process for
    each."""
    for stage in (train_classifier, evaluate_real):
        run_stage(folder, stage, **overrides)
    run_models(folder, **overrides)
    for stage in (figures, report):
        run_stage(folder, stage, **overrides)


def run_models(folder: Path, **overrides: Any) -> None:
    """Run the stages of every model in this process."""
    for name in overrides.get("models", TINY["models"]):
        for stage in (train, sample, evaluate, step_study, likelihood):
            run_stage(folder, stage, name, **overrides)


SCREEN = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}  # a phone


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium that resolves no host name, with the width of a phone."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no browser: install the Debian packages chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    off = ("gpu", "background-networking", "component-update")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    for argument in ("headless=new", "no-sandbox", *(f"disable-{each}" for each in off)):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as driven:
        driven.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SCREEN)
        yield driven

"""A model as one object: what it predicts, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hotcold.models.degradations import Gaussian, GreyImpulse, Impulse
from hotcold.models.schedules import cosine_alpha_bar, cosine_density, linear_alpha_bar
from hotcold.training.loss import loss
from torch import Tensor, nn

from hotcold.models.model import DiffusionModel
from hotcold.numerics import checkpoints
from hotcold.runtime.errors import UserError

LINEAR = Gaussian(linear_alpha_bar(1e-4, 0.02, 100))
COSINE = Gaussian(cosine_alpha_bar(1000))
GAUSSIAN = {"kind": "gaussian", "beta": [1e-4, 0.02], "T": 100}
BLOCKS = {
    "eps": {
        "degradation": GAUSSIAN,
        "network": {"kind": "cnn", "hidden": [2, 3], "dropout": 0.1, "predicts": "eps"},
    },
    "v": {
        "degradation": {"kind": "gaussian", "schedule": "cosine", "T": 100},
        "network": {"kind": "unet", "channels": [8, 8, 8], "predicts": "v"},
    },
    "x_0": {
        "degradation": {"kind": "fading", "width": 6.0, "T": 5},
        "network": {"kind": "cnn", "hidden": [2], "predicts": "x_0"},
    },
    "categorical": {
        "degradation": {"kind": "impulse", "rho": [0.0, 0.5], "T": 5, "levels": 4},
        "network": {"kind": "unet", "channels": [8, 8, 8], "predicts": "categorical"},
    },
}


@pytest.mark.parametrize("predicts", ["eps", "x_0", "v"])
@pytest.mark.parametrize("process", [LINEAR, COSINE], ids=["linear", "cosine"])
def test_every_perfect_prediction_gives_the_true_noise_and_no_loss(
    predicts: str, process: Gaussian, rng: torch.Generator
) -> None:
    x_0 = (torch.rand(3, 1, 28, 28, generator=rng) - 0.5).double()
    eps = process.draw_noise(x_0, rng)
    for t in (1, process.T // 2, process.T):
        steps = torch.full((3,), t)
        target = DiffusionModel(nn.Identity(), process, predicts).target(x_0, steps, eps)
        model = DiffusionModel(lambda x, _, target=target: target, process, predicts)
        torch.testing.assert_close(model.predict(process.degrade(x_0, eps, t), t), eps)
        assert loss(model, x_0, steps, eps).item() == pytest.approx(0)


def test_v_has_the_variance_of_the_noise_for_data_of_that_variance(rng: torch.Generator) -> None:
    model = DiffusionModel(nn.Identity(), COSINE, "v")
    x_0 = torch.randn(50, 1, 28, 28, generator=rng)
    eps = COSINE.draw_noise(x_0, rng)
    for t in (1, 400, 1000):
        v = model.target(x_0, torch.full((50,), t), eps)
        assert v.std().item() == pytest.approx(1, abs=0.02)


def test_network_gets_t_over_T() -> None:
    times = []

    def network(x: Tensor, t: Tensor) -> Tensor:
        times.append(t)
        return x

    process = Impulse(cosine_density(0.05, 0.25, 150))
    DiffusionModel(network, process, "x_0").predict(torch.zeros(3, 1, 28, 28), 75)
    assert times[0].tolist() == [0.5, 0.5, 0.5]


def test_categorical_prediction_is_a_distribution_over_grey_levels(rng: torch.Generator) -> None:
    model = DiffusionModel.build(BLOCKS["categorical"])
    assert isinstance(model.process, GreyImpulse)
    with torch.no_grad():
        probabilities = model.predict(torch.rand(2, 1, 28, 28, generator=rng) - 0.5, 3)
    assert probabilities.shape == (2, 4, 28, 28)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 28, 28))


@pytest.mark.parametrize("predicts", BLOCKS)
def test_saved_model_has_the_same_predictions_and_description(
    predicts: str, tmp_path: Path, rng: torch.Generator
) -> None:
    path, block = tmp_path / "model.safetensors", BLOCKS[predicts]
    torch.manual_seed(0)
    model = DiffusionModel.build({"model": "m", **block})
    model.save(path, torch.float32, epoch=3, validation_loss=0.5)
    loaded = DiffusionModel.load(path)
    assert loaded.predicts == model.predicts == predicts
    assert loaded.description == {"model": "m", **block, "epoch": 3, "validation_loss": 0.5}
    assert type(loaded.process) is type(model.process)
    assert loaded.process.T == model.process.T
    assert not loaded.module.training
    assert loaded.device == torch.device("cpu")
    assert loaded.restores == (predicts == "x_0")
    x_t = torch.rand(2, 1, 28, 28, generator=rng) - 0.5
    model.module.eval()
    with torch.no_grad():
        assert torch.equal(loaded.predict(x_t, 3), model.predict(x_t, 3))


def test_saved_weights_are_rounded_to_the_requested_dtype(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = DiffusionModel.build(BLOCKS["eps"])
    model.save(path, torch.float16)
    loaded = DiffusionModel.load(path).module.state_dict()
    for name, x in model.module.state_dict().items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], x.half().float())


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = DiffusionModel.build(BLOCKS["eps"])
    model.description["network"] = model.description["network"] | {"hidden": [2, 4]}
    model.save(path, torch.float32)
    with pytest.raises(UserError, match=r"model\.safetensors is of another architecture"):
        DiffusionModel.load(path)


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"accuracy": 0.99},
        {**BLOCKS["eps"], "network": []},
        {**BLOCKS["eps"], "network": {"kind": "cnn", "hidden": 5, "predicts": "eps"}},
        {**BLOCKS["eps"], "network": {"kind": "cnn", "hidden": [-1], "predicts": "eps"}},
        {**BLOCKS["eps"], "degradation": {"kind": "other"}},
        {**BLOCKS["eps"], "degradation": None},
    ],
)
def test_weights_of_something_else_are_no_model(tmp_path: Path, description: dict) -> None:
    path = tmp_path / "model.safetensors"
    checkpoints.save(path, {"x": torch.ones(2)}, description)
    with pytest.raises(UserError, match=r"model\.safetensors is not a model of this project: its"):
        DiffusionModel.load(path)


def test_plain_function_is_not_a_module() -> None:
    model = DiffusionModel(lambda x, t: x, LINEAR, "eps")
    with pytest.raises(TypeError, match="not a module"):
        _ = model.module

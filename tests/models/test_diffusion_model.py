"""A model as one object: what it predicts, and its file."""

import json
from pathlib import Path

import pytest
import torch
from conftest import build_process
from examples import NETWORKS, PROCESSES
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics import checkpoints
from hotcold.runtime.errors import UserError

BLOCKS = {
    predicts: {"degradation": PROCESSES[process], "network": network | {"predicts": predicts}}
    for predicts, process, network in (
        ("eps", "linear", {"kind": "cnn", "hidden": (2, 3), "dropout": 0.1}),
        ("v", "cosine", NETWORKS["unet"] | {"classes": 10}),
        ("x_0", "fading", NETWORKS["cnn"]),
        ("categorical", "masked", NETWORKS["unet"]),
    )
}


def test_network_gets_x_t_and_t_over_T(rng: torch.Generator) -> None:
    inputs: list[tuple[Tensor, Tensor]] = []

    def network(x_t: Tensor, t: Tensor) -> Tensor:
        inputs.append((x_t, t))
        return x_t

    model = DiffusionModel(network, build_process("linear"), "eps")
    x_0, t = torch.rand(4, 1, 28, 28, generator=rng) - 0.5, torch.tensor([1, 2, 3, 6])
    eps = model.process.draw_noise(x_0, rng)
    model.loss(x_0, t, eps)
    assert torch.equal(inputs[0][0], model.process.degrade(x_0, eps, t))
    torch.testing.assert_close(inputs[0][1], t / 6)
    model.predict(x_0, 3)
    assert torch.equal(inputs[1][0], x_0)
    assert inputs[1][1].tolist() == [0.5] * 4


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
    expected = {"model": "m", **block, "epoch": 3, "validation_loss": 0.5}
    assert loaded.description == json.loads(json.dumps(expected))
    assert type(loaded.process) is type(model.process)
    assert torch.equal(loaded.process.schedule, model.process.schedule)
    assert loaded.classes == model.classes == (10 if predicts == "v" else 0)
    assert not loaded.module.training
    assert loaded.device == torch.device("cpu")
    x_t = torch.rand(2, 1, 28, 28, generator=rng) - 0.5
    model.module.eval()
    with torch.no_grad():
        assert torch.equal(loaded.predict(x_t, 3), model.predict(x_t, 3))


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = DiffusionModel.build(BLOCKS["eps"])
    model.description["network"] = model.description["network"] | {"hidden": (2, 4)}
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
    model = DiffusionModel(lambda x, t: x, build_process("linear"), "eps")
    with pytest.raises(TypeError, match="not a module"):
        _ = model.module


def test_saved_weights_are_rounded_to_the_requested_dtype(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = DiffusionModel.build(BLOCKS["eps"])
    model.save(path, torch.float16)
    loaded = DiffusionModel.load(path).module.state_dict()
    for name, x in model.module.state_dict().items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], x.half().float())

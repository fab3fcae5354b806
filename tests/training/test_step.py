"""The step of training: plain, captured, and what happens if a capture fails.

A CPU has no graphs. The tests replace the capture by a function that runs again on the captured
tensors, which is what a graph does.
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from examples import NETWORKS, PROCESSES
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics import distributed
from hotcold.runtime.errors import UserError
from hotcold.training import step as step_module
from hotcold.training.loop import Examples, LoopSettings, train_epoch
from hotcold.training.params import PlateauParams, RecipeParams
from hotcold.training.state import TrainState
from hotcold.training.step import MIN_COMPILED_STEPS, Capture, CapturedStep, Step, build_step

SIZE = 8
CNN = {"kind": "cnn", "hidden": (8, 8)}
UNET = NETWORKS["unet"]
MODELS = {
    name: {"degradation": PROCESSES[process], "network": network}
    for name, process, network in (
        ("eps", "linear", CNN | {"predicts": "eps"}),
        ("v", "cosine", UNET | {"predicts": "v"}),
        ("dropout", "impulse", CNN | {"dropout": 0.3, "predicts": "x_0"}),
        ("categorical", "grey", UNET | {"predicts": "categorical"}),
        ("labels", "cosine", UNET | {"predicts": "v", "classes": 10}),
    )
}
SETTINGS = LoopSettings(SIZE, seed=1, dtype=torch.bfloat16)


def build(name: str, device: str = "cpu") -> DiffusionModel:
    torch.manual_seed(0)
    model = DiffusionModel.build(MODELS[name])
    model.module.to(device)
    return model


def fake_graph(model: DiffusionModel) -> Capture:
    """A stand-in for `cuda_graph`: a replay computes the same again from the captured tensors, and
    writes its result and the gradients to the same memory."""
    parameters = list(model.module.parameters())

    def capture(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        value = function()
        gradients = [parameter.grad for parameter in parameters]

        def replay() -> Tensor:
            new = function()
            for parameter, gradient in zip(parameters, gradients, strict=True):
                gradient.copy_(parameter.grad)
                parameter.grad = None
            return value.copy_(new)

        return replay

    return capture


@pytest.fixture
def images(rng: torch.Generator) -> Tensor:
    return torch.randint(0, 256, (4 * SIZE, 1, 28, 28), generator=rng, dtype=torch.uint8)


def captured(model: DiffusionModel, compiled: bool = False) -> CapturedStep:
    return CapturedStep(model, SETTINGS.dtype, SIZE, compiled, fake_graph(model))


def plain(model: DiffusionModel) -> Step:
    return Step(model, SETTINGS.dtype)


def train(
    step: Step, images: Tensor, recipe: RecipeParams, epochs: int = 2
) -> tuple[Tensor, Tensor]:
    """The losses of all batches, and the weights in the end: of the EMA if there is one."""
    state = TrainState(step.model.module, recipe, steps=epochs * (len(images) // SIZE))
    losses = []
    for epoch in range(1, epochs + 1):
        labels = torch.arange(len(images)) % 10 if step.model.classes else None
        examples = Examples(images, labels).to(step.model.device)
        losses.append(train_epoch(step, state.optimizer, examples, SETTINGS, epoch))
        state.end_epoch(1.0)
    weights = [parameter.flatten() for parameter in state.eval_network.parameters()]
    return torch.cat(losses), torch.cat(weights)


CONSTANT = RecipeParams(learning_rate=1e-3)
PLATEAU = RecipeParams(learning_rate=1e-3, plateau=PlateauParams(factor=0.5, patience=0))
WARM_UP_AND_EMA = RecipeParams(learning_rate=1e-3, ema=0.9, warmup=0.3)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [*((name, CONSTANT) for name in MODELS), ("eps", PLATEAU), ("eps", WARM_UP_AND_EMA)],
)
def test_captured_steps_train_as_plain(name: str, recipe: RecipeParams, images: Tensor) -> None:
    expected = train(plain(build(name)), images, recipe)
    result = train(captured(build(name)), images, recipe)
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])
    assert len(expected[0].unique()) == len(expected[0])  # no loss is that of another batch


def test_batch_of_another_size_runs_without_the_capture(images: Tensor) -> None:
    def gradients(step: Step, size: int) -> Tensor:
        x_0 = images[:size] / 255 - 0.5
        step(x_0, torch.arange(1, size + 1) % 6 + 1, x_0)
        return torch.cat([p.grad.flatten() for p in step.model.module.parameters()])

    ours, expected = captured(build("eps")), plain(build("eps"))
    for size in (SIZE, SIZE - 3, SIZE):
        assert torch.equal(gradients(ours, size), gradients(expected, size))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CPU has no graphs")
@pytest.mark.parametrize("name", MODELS)
def test_compiled_graph_of_a_gpu_trains_as_plain_steps(name: str, images: Tensor) -> None:
    """Rounding to bfloat16 changes a loss by 0.1 %, a stale batch by 6 %; a compiled network draws
    other masks of dropout."""
    expected, _ = train(plain(build(name, "cuda")), images, CONSTANT)
    step = CapturedStep(build(name, "cuda"), SETTINGS.dtype, SIZE, compiled=True)
    difference = (train(step, images, CONSTANT)[0] / expected - 1).abs().median()
    assert difference < (0.2 if name == "dropout" else 0.01)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # of Dynamo
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.slow
def test_network_can_be_compiled_as_a_whole(
    name: str, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the generation of code: forward and backward are each traced as one graph."""
    strict = partial(torch.compile, backend="aot_eager", fullgraph=True)
    monkeypatch.setattr(torch, "compile", strict)
    x_0, t = images[:SIZE] / 255 - 0.5, torch.arange(SIZE) % 5 + 1
    noise = torch.rand(x_0.shape, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    expected = plain(build(name))(x_0, t, noise)
    step = captured(build(name), compiled=True)
    torch.manual_seed(2)
    rtol = 0.2 if name == "dropout" else 0.02  # a compiled network draws other masks
    torch.testing.assert_close(step(x_0, t, noise), expected, rtol=rtol, atol=0)


def pretend_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    device = property(lambda _: torch.device("cuda"))
    monkeypatch.setattr(DiffusionModel, "device", device)


def test_capture_that_fails_is_reported_and_training_does_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights of this model are on the CPU, so that a step on CUDA fails on every machine."""
    pretend_cuda(monkeypatch)
    step = build_step(build("eps"), SETTINGS.dtype, SIZE, MIN_COMPILED_STEPS, "train m")
    assert type(step) is Step
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("train m: continues without torch.compile (")
    assert second.startswith("train m: continues without a CUDA graph (")


@pytest.mark.parametrize(
    ("steps", "works", "attempts"),
    [
        (MIN_COMPILED_STEPS, True, [True]),
        (MIN_COMPILED_STEPS, False, [True, False]),
        (MIN_COMPILED_STEPS - 1, True, [False]),
    ],
)
def test_long_trainings_are_compiled(
    steps: int, works: bool, attempts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_cuda(monkeypatch)
    tried = []

    def capture(model: DiffusionModel, dtype: torch.dtype, size: int, compiled: bool) -> Step:
        tried.append(compiled)
        if compiled and not works:
            raise RuntimeError("no compiler")
        return Step(model, dtype)

    monkeypatch.setattr(step_module, "CapturedStep", capture)
    build_step(build("eps"), SETTINGS.dtype, SIZE, steps)
    assert tried == attempts


def test_ranks_and_the_variable_compile_leave_the_capture_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_cuda(monkeypatch)  # a capture would fail, and a line would report it
    with monkeypatch.context() as patch:
        patch.setattr(distributed, "size", lambda: 2)
        build_step(build("eps"), SETTINGS.dtype, SIZE, MIN_COMPILED_STEPS)
    monkeypatch.setenv("COMPILE", "0")
    build_step(build("eps"), SETTINGS.dtype, SIZE, MIN_COMPILED_STEPS)
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("COMPILE", "no")
    with pytest.raises(UserError, match="COMPILE is 'no', must be 0 or 1"):
        build_step(build("eps"), SETTINGS.dtype, SIZE, MIN_COMPILED_STEPS)

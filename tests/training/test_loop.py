"""An epoch of training and of validation."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from conftest import build_network
from torch import Tensor, nn

from hotcold.models.model import DiffusionModel
from hotcold.models.process import Process
from hotcold.numerics.pixels import to_pixels
from hotcold.processes.gaussian.process import Gaussian, linear_alpha_bar
from hotcold.processes.impulse.process import Impulse, cosine_density
from hotcold.runtime.errors import UserError
from hotcold.training.loop import (
    Examples,
    LoopSettings,
    draw_batches,
    draw_steps,
    train_epoch,
    validate,
)
from hotcold.training.step import Step

HOT = Gaussian(linear_alpha_bar(1e-4, 0.02, 20))
COLD = Impulse(cosine_density(0.05, 0.25, 20))
SETTINGS = LoopSettings(batch_size=8, seed=1)


class Recorder(nn.Module):
    """A network that records its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.inputs: list[tuple[Tensor, Tensor]] = []

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.inputs.append((x_t, t))
        return x_t * self.weight


def model(network: nn.Module, process: Process = HOT) -> DiffusionModel:
    return DiffusionModel(network, process, "eps" if process is HOT else "x_0")


def small_network(dropout: float = 0.0) -> nn.Module:
    return build_network({"kind": "cnn", "hidden": (2, 2), "dropout": dropout})


@pytest.fixture
def images(rng: torch.Generator) -> Tensor:
    return torch.randint(0, 256, (40, 1, 28, 28), generator=rng, dtype=torch.uint8)


def run_epoch(
    network: nn.Module,
    images: Tensor,
    epoch: int = 1,
    settings: LoopSettings = SETTINGS,
    advance: Callable[[], None] = lambda: None,
) -> Tensor:
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    step = Step(model(network), settings.dtype)
    return train_epoch(step, optimizer, Examples(images), settings, epoch, advance)


def assert_uniform(t: Tensor) -> None:
    """That 4000 values of t, on 1..20, are."""
    counts = t.bincount(minlength=21)
    assert len(t) == 4000
    assert counts[0] == 0
    assert len(counts) == 21
    expected = 4000 / 20
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 43.8  # chi^2, 19 degrees, 0.1 %


def test_t_is_uniform_on_1_to_T_in_training_and_validation(images: Tensor) -> None:
    network, many = Recorder(), torch.zeros(4000, 1, 28, 28, dtype=torch.uint8)
    epochs = (draw_batches(model(network), Examples(images), SETTINGS, k) for k in range(100))
    assert_uniform(torch.cat([t for batches in epochs for _, t, _ in batches]))
    validate(model(network), Examples(many), SETTINGS, 1)
    assert_uniform(torch.cat([t for _, t in network.inputs]).mul(20).round().long())


def test_stratified_steps_cover_the_range_in_every_batch(rng: torch.Generator) -> None:
    batches = torch.stack([draw_steps(20, 100, rng, stratified=True) for _ in range(200)])
    assert ((batches - 1) // 5 == torch.arange(20)).all()
    counts = batches.flatten().bincount(minlength=101)[1:]
    assert ((counts - 40) ** 2 / 40).sum() < 149  # chi^2, 99 degrees, 0.1 %


def test_the_last_step_is_T_also_where_a_sum_is_rounded_up(
    images: Tensor, rng: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Recorder()
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(size))
    assert draw_steps(16, 20, rng, stratified=True)[-1] == 20
    validate(model(network), Examples(images), SETTINGS, 1)
    assert network.inputs[0][1].tolist() == [1.0] * len(images)


def test_validation_loss_is_the_mean_over_all_images(rng: torch.Generator) -> None:
    """Of a network whose output is 0, in a full batch and a darker part of one."""
    images = torch.randint(0, 256, (600, 1, 28, 28), generator=rng, dtype=torch.uint8)
    images[500:] = 0
    expected = to_pixels(images).square().mean().item()
    loss = validate(model(Recorder(), COLD), Examples(images), SETTINGS, 1)
    assert loss == pytest.approx(expected)


class Masks(Recorder):
    """A network that records its dropout instead of its inputs."""

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.inputs.append((F.dropout(torch.ones(50)), t))
        return x_t * self.weight


def test_dropout_differs_between_batches_and_epochs(images: Tensor) -> None:
    network = Masks()
    for epoch in (1, 2, 1):
        run_epoch(network, images, epoch)
    masks = torch.stack([mask for mask, _ in network.inputs]).view(3, 5, 50)
    assert len(masks[:2].flatten(0, 1).unique(dim=0)) == 10
    assert torch.equal(masks[0], masks[2])


def test_last_incomplete_batch_is_dropped(images: Tensor) -> None:
    network, steps = Recorder(), []
    run_epoch(network, images[:30], advance=lambda: steps.append(1))
    assert [len(t) for _, t in network.inputs] == [8, 8, 8]
    assert len(steps) == 3


@pytest.mark.parametrize("process", [HOT, COLD], ids=["hot", "cold"])
def test_training_lowers_the_validation_loss(process: Gaussian | Impulse, images: Tensor) -> None:
    trained = model(small_network(), process)
    optimizer = torch.optim.Adam(trained.module.parameters(), 1e-2)
    before = validate(trained, Examples(images), SETTINGS, 0)
    for epoch in range(8):
        train_epoch(Step(trained, SETTINGS.dtype), optimizer, Examples(images), SETTINGS, epoch)
    assert validate(trained, Examples(images), SETTINGS, 8) < 0.8 * before


def test_equal_seeds_give_equal_weights(images: Tensor) -> None:
    def weights(seed: int) -> Tensor:
        network = small_network(dropout=0.3)
        run_epoch(network, images, settings=replace(SETTINGS, seed=seed))
        return torch.cat([p.flatten() for p in network.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_validation_noise_is_the_same_for_all_epochs_and_models_of_a_kind(images: Tensor) -> None:
    longer = Gaussian(linear_alpha_bar(1e-4, 0.05, 40))
    first, second, other = Recorder(), Recorder(), Recorder()
    validate(model(first), Examples(images), SETTINGS, 1)
    validate(model(second), Examples(images), SETTINGS, 2)
    validate(DiffusionModel(other, longer, "eps"), Examples(images), SETTINGS, 1)
    (x_1, t_1), (x_2, t_2), (x_3, t_3) = first.inputs[0], second.inputs[0], other.inputs[0]
    assert torch.equal(x_1, x_2)
    assert torch.equal(t_1, t_2)
    assert (t_1 - t_3).abs().max() <= 1 / 20
    x_0 = to_pixels(images)
    noise = [
        (x - a.sqrt() * x_0) / (1 - a).sqrt()
        for x, a in (
            (x_1, HOT.alpha_bar[(t_1 * 20).round().long()].view(-1, 1, 1, 1).float()),
            (x_3, longer.alpha_bar[(t_3 * 40).round().long()].view(-1, 1, 1, 1).float()),
        )
    ]
    torch.testing.assert_close(noise[0], noise[1], rtol=0, atol=1e-3)


def test_validation_follows_an_optimiser_that_changes_weights_in_between(images: Tensor) -> None:
    """As after captured steps, which do not call the network: a fused optimiser changes the weights
    without a new version of them, by which a cached transform of a kernel would be known as old."""
    trained = model(build_network({"kind": "cnn", "hidden": (8, 8)}))
    parameters = list(trained.module.parameters())
    optimizer = torch.optim.Adam(parameters, 1e-2, fused=True)
    before = validate(trained, Examples(images), SETTINGS, 1)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    fresh = model(build_network({"kind": "cnn", "hidden": (8, 8)}))
    fresh.module.load_state_dict(trained.module.state_dict())
    after = validate(trained, Examples(images), SETTINGS, 2)
    assert after == validate(fresh, Examples(images), SETTINGS, 2)
    assert after != before


def test_loss_that_is_not_finite_ends_training(images: Tensor) -> None:
    network = Recorder()
    network.weight.data.fill_(math.inf)
    with pytest.raises(UserError, match=r"training .* epoch 3 is (nan|inf) from step 1 on: lower"):
        run_epoch(network, images, epoch=3)


class LabelRecorder(Recorder):
    """A network that records the labels too."""

    classes = 10

    def __init__(self) -> None:
        super().__init__()
        self.labels: list[Tensor] = []

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        assert label is not None
        self.labels.append(label)
        return super().forward(x_t, t)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_labels_follow_their_images_and_some_are_unknown_in_training(dropout: float) -> None:
    """The brightness of each image tells its label."""
    labels = torch.arange(800) % 10
    images = (labels * 20).view(-1, 1, 1, 1).expand(-1, 1, 28, 28).to(torch.uint8)
    network, settings = LabelRecorder(), replace(SETTINGS, label_dropout=dropout)
    nearly_clean = Gaussian(torch.tensor([1.0, 1 - 1e-6], dtype=torch.float64))
    labelled = DiffusionModel(network, nearly_clean, "eps")
    step, optimizer = Step(labelled, torch.float32), torch.optim.SGD(network.parameters(), 0.0)
    train_epoch(step, optimizer, Examples(images, labels), settings, 1)
    seen = torch.cat(network.labels)
    brightness = torch.cat([x.mean((1, 2, 3)) for x, _ in network.inputs])
    known = seen < 10
    assert torch.equal(seen[known], ((brightness[known] + 0.5) * 255 / 20).round().long())
    assert set(seen[~known].tolist()) <= {10}
    error = 5 * math.sqrt(dropout * (1 - dropout) / 800)
    assert (~known).double().mean().item() == pytest.approx(dropout, abs=error)
    network.labels.clear()
    validate(labelled, Examples(images, labels), settings, 1)
    assert torch.equal(torch.cat(network.labels), labels)  # all are known in validation

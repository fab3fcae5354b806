"""The network, the losses and the loop."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from diffusion import mnist as data
from diffusion.models import cnn as network
from diffusion.models.degradations import Gaussian, Impulse
from diffusion.models.schedules import cosine_density, linear_alpha_bar
from diffusion.runtime.errors import UserError
from diffusion.runtime.rng import derive
from diffusion.training.loop import train_epoch, validate
from diffusion.training.loss import loss

HOT = Gaussian(linear_alpha_bar(1e-4, 0.02, 20))
COLD = Impulse(cosine_density(0.05, 0.25, 20))


def small_network(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return network.build({"kind": "cnn", "hidden": (2, 2), "dropout": dropout})


@pytest.fixture
def images(rng: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 256, (40, 1, 28, 28), generator=rng, dtype=torch.uint8)


def expected_parameters(hidden: tuple[int, ...]) -> int:
    """Counted by hand from the description in section 1.1.2."""
    channels = (1, *hidden)
    blocks = sum(49 * a * b + b + 2 * b * 784 for a, b in pairwise(channels))
    time = (32 * 128 + 128) + 2 * (128 * 128 + 128) + (128 * hidden[0] + hidden[0])
    return blocks + time + 9 * hidden[-1] + 1


@pytest.mark.parametrize("hidden", [(16, 32, 32, 16), (32, 64, 128, 64, 32)])
def test_the_networks_of_tables_1_and_3(hidden: tuple[int, ...]) -> None:
    net = network.build({"kind": "cnn", "hidden": hidden})
    assert sum(p.numel() for p in net.parameters()) == expected_parameters(hidden)
    assert net(torch.zeros(2, 1, 28, 28), torch.zeros(2)).shape == (2, 1, 28, 28)
    assert not [m for m in net.modules() if isinstance(m, nn.Dropout2d)]


def test_the_time_features_of_the_published_network() -> None:
    embedding = small_network().time
    assert embedding.omega[0] == 0
    expected = [2 * math.pi * 1.5**i for i in range(15)]
    assert embedding.omega[1:].tolist() == pytest.approx(expected, rel=1e-6)


def test_time_enters_and_each_image_has_its_own() -> None:
    net, x = small_network().eval(), torch.zeros(2, 1, 28, 28)
    both = net(x, torch.tensor([0.1, 0.9]))
    assert not torch.allclose(both[0], both[1])
    torch.testing.assert_close(both[1:], net(x[:1], torch.tensor([0.9])))


def test_spatial_dropout_drops_whole_maps_in_training_only() -> None:
    block = network.Block(1, 64, 0.5)
    x = torch.randn(1, 1, 28, 28)
    dropped = (block(x)[0] == 0).flatten(1)
    assert (dropped.all(1) | ~dropped.any(1)).all()
    assert 10 < dropped.all(1).sum() < 54
    assert not (block.eval()(x) == 0).any()


def test_the_loss_of_a_perfect_network_is_zero(rng: torch.Generator) -> None:
    x_0 = torch.rand(6, 1, 28, 28, generator=rng) - 0.5
    t = torch.randint(1, 21, (6,), generator=rng)
    eps, u = HOT.field(x_0, rng), COLD.field(x_0, rng)
    assert loss(lambda x_t, t: eps, HOT, x_0, t, eps).item() == 0
    assert loss(lambda x_t, t: x_0, COLD, x_0, t, u).item() == 0


def test_the_loss_of_predicting_nothing(rng: torch.Generator) -> None:
    """Zero for eps costs its variance, 1; for x_0 the mean square of the image."""
    x_0 = torch.full((50, 1, 28, 28), 0.3)
    t = torch.randint(1, 21, (50,), generator=rng)
    eps = HOT.field(x_0, rng)
    nothing = lambda x_t, t: torch.zeros_like(x_t)  # noqa: E731
    assert loss(nothing, HOT, x_0, t, eps).item() == pytest.approx(1, rel=0.03)
    assert loss(nothing, COLD, x_0, t, COLD.field(x_0, rng)).item() == pytest.approx(0.09)


def test_the_network_sees_x_t_and_t_over_T(rng: torch.Generator) -> None:
    x_0 = torch.rand(4, 1, 28, 28, generator=rng) - 0.5
    t, eps = torch.tensor([1, 5, 10, 20]), HOT.field(x_0, rng)
    seen = {}

    def spy(x_t: torch.Tensor, scaled: torch.Tensor) -> torch.Tensor:
        seen.update(x_t=x_t, scaled=scaled)
        return x_t

    loss(spy, HOT, x_0, t, eps)
    assert torch.equal(seen["x_t"], HOT.degrade(x_0, eps, t))
    assert seen["scaled"].tolist() == pytest.approx([0.05, 0.25, 0.5, 1.0])


class Spy(nn.Module):
    """Learns nothing, remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        self.seen.append((x_t, t))
        return x_t * self.weight


def run_epoch(net: nn.Module, images: torch.Tensor, epoch: int = 1, **changed: object) -> float:
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    arguments = {
        "process": HOT,
        "batch_size": 8,
        "seed": 1,
        "dtype": torch.float32,
        "advance": lambda: None,
    } | changed
    return train_epoch(net, optimizer, images=images, epoch=epoch, **arguments)


def test_t_is_drawn_from_1_to_T_and_each_as_often(images: torch.Tensor) -> None:
    net = Spy()
    for epoch in range(100):
        run_epoch(net, images, epoch)
    t = torch.cat([t for _, t in net.seen]).mul(20).round().long()
    counts = t.bincount(minlength=21)
    assert counts[0] == 0
    assert len(counts) == 21
    expected = 4000 / 20
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 43.8  # chi^2, 19 degrees, 0.1 %


def test_the_incomplete_batch_is_dropped(images: torch.Tensor) -> None:
    net, steps = Spy(), []
    run_epoch(net, images[:30], advance=lambda: steps.append(1))
    assert [len(t) for _, t in net.seen] == [8, 8, 8]
    assert len(steps) == 3


@pytest.mark.parametrize("process", [HOT, COLD])
def test_training_lowers_the_validation_loss(
    process: Gaussian | Impulse, images: torch.Tensor
) -> None:
    net = small_network()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    before = validate(net, process, images, 1, 0, torch.float32)
    for epoch in range(8):
        train_epoch(net, optimizer, process, images, 8, 1, epoch, torch.float32, lambda: None)
    assert validate(net, process, images, 1, 8, torch.float32) < 0.8 * before


def test_the_same_seed_gives_the_same_bytes(images: torch.Tensor) -> None:
    def weights(seed: int) -> torch.Tensor:
        net = small_network(dropout=0.3)
        run_epoch(net, images, seed=seed)
        return torch.cat([p.flatten() for p in net.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_validation_uses_one_bank_for_all_epochs_and_all_models_of_a_kind(
    images: torch.Tensor,
) -> None:
    longer = Gaussian(linear_alpha_bar(1e-4, 0.05, 40))
    first, second, other = Spy(), Spy(), Spy()
    validate(first, HOT, images, 1, 1, torch.float32)
    validate(second, HOT, images, 1, 2, torch.float32)
    validate(other, longer, images, 1, 1, torch.float32)
    (x_1, t_1), (x_2, t_2), (x_3, t_3) = first.seen[0], second.seen[0], other.seen[0]
    assert torch.equal(x_1, x_2)
    assert torch.equal(t_1, t_2)
    assert (t_1 - t_3).abs().max() <= 1 / 20
    x_0 = data.to_pixels(images)
    noise = [
        (x - a.sqrt() * x_0) / (1 - a).sqrt()
        for x, a in (
            (x_1, HOT.alpha_bar[(t_1 * 20).round().long()].view(-1, 1, 1, 1).float()),
            (x_3, longer.alpha_bar[(t_3 * 40).round().long()].view(-1, 1, 1, 1).float()),
        )
    ]
    torch.testing.assert_close(noise[0], noise[1], rtol=0, atol=1e-3)


def test_a_loss_that_is_not_finite_ends_training(images: torch.Tensor) -> None:
    net = Spy()
    net.weight.data.fill_(math.inf)
    with pytest.raises(UserError, match=r"training loss of epoch 3 is (nan|inf).*learning_rate"):
        run_epoch(net, images, epoch=3)


def test_bfloat16_agrees_with_float32(images: torch.Tensor) -> None:
    losses = [
        run_epoch(small_network(), images, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_streams_of_random_numbers_have_names() -> None:
    assert derive(1, "a", 2) == derive(1, "a", 2)
    assert len({derive(1, "a"), derive(2, "a"), derive(1, "b"), derive(1, "a", 0)}) == 4
    assert 0 <= derive(2**63 - 1, "x") < 2**63

"""The network of the published report."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hotcold.models.cnn import Block
from torch import nn

from hotcold.models.model import build_network


def expected_parameters(hidden: tuple[int, ...]) -> int:
    """Counted by hand from the description in section 1.1.2."""
    channels = (1, *hidden)
    blocks = sum(49 * a * b + b + 2 * b * 784 for a, b in pairwise(channels))
    time = (32 * 128 + 128) + 2 * (128 * 128 + 128) + (128 * hidden[0] + hidden[0])
    return blocks + time + 9 * hidden[-1] + 1


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return build_network({"kind": "cnn", "hidden": (2, 2)})


@pytest.mark.parametrize("hidden", [(16, 32, 32, 16), (32, 64, 128, 64, 32)])
def test_networks_of_tables_1_and_3(hidden: tuple[int, ...]) -> None:
    net = build_network({"kind": "cnn", "hidden": hidden})
    assert sum(p.numel() for p in net.parameters()) == expected_parameters(hidden)
    assert net(torch.zeros(2, 1, 28, 28), torch.zeros(2)).shape == (2, 1, 28, 28)
    assert not [m for m in net.modules() if isinstance(m, nn.Dropout2d)]


def test_time_features_of_the_published_network() -> None:
    embedding = small_network().time
    assert embedding.omega[0] == 0
    expected = [2 * math.pi * 1.5**i for i in range(15)]
    assert embedding.omega[1:].tolist() == pytest.approx(expected, rel=1e-6)


def test_output_depends_on_the_time_of_each_image() -> None:
    net, x = small_network().eval(), torch.zeros(2, 1, 28, 28)
    both = net(x, torch.tensor([0.1, 0.9]))
    assert not torch.allclose(both[0], both[1])
    torch.testing.assert_close(both[1:], net(x[:1], torch.tensor([0.9])))


def test_spatial_dropout_drops_complete_maps_in_training_only() -> None:
    block = Block(1, 64, 0.5)
    x = torch.randn(1, 1, 28, 28)
    dropped = (block(x)[0] == 0).flatten(1)
    assert (dropped.all(1) | ~dropped.any(1)).all()
    assert 10 < dropped.all(1).sum() < 54
    assert not (block.eval()(x) == 0).any()


def test_unknown_kind_of_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"network\.kind is 'vit', must be 'cnn' or 'unet'"):
        build_network({"kind": "vit"})

"""The network of the published report."""

import math
from itertools import pairwise

import pytest
import torch
from conftest import build_network
from torch import nn

from hotcold.networks.cnn.network import Block, TimeEmbedding


def expected_parameters(hidden: tuple[int, ...]) -> int:
    """Counted by hand from the description in section 1.1.2."""
    channels = (1, *hidden)
    blocks = sum(49 * a * b + b + 2 * b * 784 for a, b in pairwise(channels))
    time = (32 * 128 + 128) + 2 * (128 * 128 + 128) + (128 * hidden[0] + hidden[0])
    return blocks + time + 9 * hidden[-1] + 1


@pytest.mark.parametrize("hidden", [(16, 32, 32, 16), (32, 64, 128, 64, 32)])
def test_networks_of_tables_1_and_3(hidden: tuple[int, ...]) -> None:
    net = build_network({"kind": "cnn", "hidden": hidden})
    assert sum(p.numel() for p in net.parameters()) == expected_parameters(hidden)
    assert net(torch.zeros(2, 1, 28, 28), torch.zeros(2)).shape == (2, 1, 28, 28)
    assert not [m for m in net.modules() if isinstance(m, nn.Dropout2d)]


def test_time_features_of_the_published_network() -> None:
    torch.manual_seed(0)
    embedding, t = TimeEmbedding(4), torch.tensor([0.0, 0.3, 1.0])
    omega = torch.tensor([0.0, *(2 * math.pi * 1.5**i for i in range(15))])
    features = torch.cat([(t[:, None] * omega).sin(), (t[:, None] * omega).cos() - 1], 1)
    torch.testing.assert_close(embedding(t), embedding.mlp(features)[:, :, None, None])


def test_spatial_dropout_drops_complete_maps_in_training_only() -> None:
    block = Block(1, 64, 0.5)
    x = torch.randn(1, 1, 28, 28)
    dropped = (block(x)[0] == 0).flatten(1)
    assert (dropped.all(1) | ~dropped.any(1)).all()
    assert 10 < dropped.all(1).sum() < 54
    assert not (block.eval()(x) == 0).any()


@pytest.mark.parametrize("channels", [(2, 1), (1, 4)])
def test_more_than_one_channel_is_refused(channels: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a cnn has one channel, not"):
        build_network({"kind": "cnn", "hidden": (2,)}, *channels)

"""The MLP-Mixer."""

import pytest
import torch
from conftest import build_network
from examples import NETWORKS
from torch import nn

from hotcold.networks.mixer.network import Block
from hotcold.reporting.figures.flops import multiply_adds


@pytest.mark.parametrize(("in_channels", "out_channels"), [(1, 1), (2, 4)])
def test_patches_return_to_their_places(in_channels: int, out_channels: int) -> None:
    """Without blocks and with the last layer as the inverse of the first, pixels come back."""
    network = build_network(NETWORKS["mixer"], in_channels, out_channels)
    x, t = torch.randn(3, in_channels, 28, 28), torch.rand(3)
    assert network(x, t).shape == (3, out_channels, 28, 28)
    changed = x.clone()
    changed[:, :, 5, 9] += 1  # in the patch of row 1 and column 2
    network.blocks = nn.Sequential()
    apart = (network(changed, t) - network(x, t)).abs().sum((0, 1)) > 1e-6
    rows, columns = apart.nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 7, 8, 11)


def test_a_block_mixes_patches_and_channels() -> None:
    block, x = Block(6), torch.randn(1, 49, 6)
    changed = x.clone()
    changed[0, 3, 2] += 1
    assert ((block(changed) - block(x)).abs() > 1e-7).all()


def test_multiply_adds_follow_from_the_layers() -> None:
    block = {
        "degradation": {"kind": "impulse", "rho": [0.1, 0.2], "T": 5},
        "network": {"kind": "mixer", "width": 10, "blocks": 2, "predicts": "x_0"},
    }
    mixing = 2 * (10 * 2 * 49 * 98 + 49 * 2 * 10 * 20)
    assert multiply_adds(block) == mixing + 49 * 2 * 16 * 10 + 32 * 10 + 10 * 10

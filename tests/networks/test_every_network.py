"""What every network has, whatever its kind."""

from typing import Any

import pytest
import torch
from conftest import build_network
from examples import NETWORKS
from torch import nn

FORMS: dict[str, Any] = NETWORKS | {
    "wide cnn": {"kind": "cnn", "hidden": [8, 8]},
    "labelled unet": NETWORKS["unet"] | {"classes": 10},
}
every_network = pytest.mark.parametrize("network", [*map(build_network, FORMS.values())], ids=FORMS)


@every_network
def test_output_depends_on_every_parameter(network: nn.Module, rng: torch.Generator) -> None:
    x = torch.rand(3, 1, 28, 28, generator=rng) - 0.5
    network.zero_grad()
    network(x, torch.tensor([0.1, 0.5, 0.9])).square().mean().backward()
    without = [name for name, p in network.named_parameters() if not p.grad.abs().max() > 1e-9]
    assert without == []


@every_network
def test_output_of_an_image_depends_on_it_and_on_its_time_but_not_on_the_batch(
    network: nn.Module, rng: torch.Generator
) -> None:
    network.eval()
    x, t = torch.rand(3, 1, 28, 28, generator=rng), torch.tensor([0.1, 0.5, 0.9])
    batch = network(x, t)
    torch.testing.assert_close(network(x[1:2], t[1:2]), batch[1:2])
    assert not torch.allclose(network(x[1:2], t[:1]), batch[1:2])
    assert not torch.allclose(network(x[:1], t[1:2]), batch[1:2])

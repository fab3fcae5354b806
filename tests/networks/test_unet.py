"""The U-Net."""

from __future__ import annotations

import torch
from hotcold.models.unet import UNet

from hotcold.models.model import build_network


def test_unet_predicts_every_channel_of_every_pixel() -> None:
    net = build_network({"kind": "unet", "channels": (32, 64, 64)}, out_channels=16)
    assert net(torch.zeros(2, 1, 28, 28), torch.zeros(2)).shape == (2, 16, 28, 28)
    assert 450_000 < sum(p.numel() for p in net.parameters()) < 550_000


def test_unet_output_depends_on_image_and_time_but_not_on_the_batch() -> None:
    torch.manual_seed(0)
    net, x = UNet((8, 8, 8)).eval(), torch.rand(3, 1, 28, 28)
    batch = net(x, torch.tensor([0.1, 0.5, 0.9]))
    assert not torch.allclose(net(x[:1], torch.tensor([0.2])), batch[:1])
    torch.testing.assert_close(net(x[1:2], torch.tensor([0.5])), batch[1:2])


def test_labels_change_the_output_and_no_label_is_a_class_of_its_own() -> None:
    torch.manual_seed(0)
    plain = UNet((8, 8, 8)).eval()
    torch.manual_seed(0)
    net = UNet((8, 8, 8), classes=10).eval()
    assert all(torch.equal(net.state_dict()[name], x) for name, x in plain.state_dict().items())
    x, t = torch.rand(1, 1, 28, 28).expand(11, 1, 28, 28), torch.full((11,), 0.5)
    outputs = net(x, t, torch.arange(11))
    assert len(outputs.flatten(1).unique(dim=0)) == 11
    torch.testing.assert_close(net(x[:1], t[:1]), outputs[10:])

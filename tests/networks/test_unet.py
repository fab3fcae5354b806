"""The U-Net."""

import torch
import torch.nn.functional as F
from conftest import build_network, build_process
from torch import Tensor, nn

from hotcold.models.model import DiffusionModel
from hotcold.networks.unet.network import HEADS, Attention, UNet


def test_unet_predicts_every_channel_of_every_pixel() -> None:
    net = build_network({"kind": "unet", "channels": (32, 64, 64)}, out_channels=16)
    assert net(torch.zeros(2, 1, 28, 28), torch.zeros(2)).shape == (2, 16, 28, 28)
    assert 450_000 < sum(p.numel() for p in net.parameters()) < 550_000


@torch.no_grad()
def test_attention_agrees_with_that_of_pytorch(rng: torch.Generator) -> None:
    torch.manual_seed(0)
    layer, x = Attention(16), torch.randn(3, 16, 7, 7, generator=rng)
    layer.qkv.weight.mul_(5)  # weights that differ

    def heads(y: Tensor) -> Tensor:  # (N, C, H, W) -> (N, HEADS, H W, C / HEADS)
        return y.unflatten(1, (HEADS, -1)).flatten(3).transpose(2, 3)

    query, key, value = map(heads, layer.qkv(layer.norm(x)).chunk(3, 1))
    attended = F.scaled_dot_product_attention(query, key, value)
    expected = x + layer.proj(attended.transpose(2, 3).reshape(x.shape))
    torch.testing.assert_close(layer(x), expected)


def test_labels_change_the_output_and_no_label_is_a_class_of_its_own() -> None:
    block = {"kind": "unet", "channels": (8, 8, 8)}
    plain, net = build_network(block).eval(), build_network(block | {"classes": 10}).eval()
    assert all(torch.equal(net.state_dict()[name], x) for name, x in plain.state_dict().items())
    x, t = torch.rand(1, 1, 28, 28).expand(11, 1, 28, 28), torch.full((11,), 0.5)
    outputs = net(x, t, torch.arange(11))
    assert len(outputs.flatten(1).unique(dim=0)) == 11
    torch.testing.assert_close(net(x[:1], t[:1]), outputs[10:])


def test_a_model_has_the_classes_of_its_network() -> None:
    for classes in (0, 10):
        network = UNet((8, 8, 8), classes=classes)
        for each in (network, nn.ModuleDict({"module": network})):  # wrapped, as on several ranks
            assert DiffusionModel(each, build_process("linear"), "eps").classes == classes

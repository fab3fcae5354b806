"""The project's network with PyTorch's own layers, as in published notebooks."""

from __future__ import annotations

from hotcold.models.cnn import LayerNorm
from hotcold.models.fourier_conv import FourierConv2d
from torch import nn


def plain(network: nn.Module) -> nn.Module:
    """The same network, with other layers of the same parameters; it is changed in place."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, FourierConv2d):
                replacement: nn.Module = nn.Conv2d(
                    layer.in_channels,
                    layer.out_channels,
                    layer.kernel_size[0],
                    padding=layer.kernel_size[0] // 2,
                )
            elif isinstance(layer, LayerNorm):
                replacement = nn.LayerNorm(layer.normalized_shape)
            else:
                continue
            replacement.load_state_dict(layer.state_dict())
            setattr(parent, name, replacement)
    return network

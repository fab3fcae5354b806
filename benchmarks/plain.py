"""The project's network in PyTorch's own layers, as published notebooks write it."""

from __future__ import annotations

from torch import nn

from diffusion.models.cnn import LayerNorm
from diffusion.models.fourier_conv import FourierConv2d


def plain(network: nn.Module) -> nn.Module:
    """The network, changed in place: other layers, the same parameters."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, FourierConv2d):
                own: nn.Module = nn.Conv2d(
                    layer.in_channels,
                    layer.out_channels,
                    layer.kernel_size[0],
                    padding=layer.kernel_size[0] // 2,
                )
            elif isinstance(layer, LayerNorm):
                own = nn.LayerNorm(layer.normalized_shape)
            else:
                continue
            own.load_state_dict(layer.state_dict())
            setattr(parent, name, own)
    return network

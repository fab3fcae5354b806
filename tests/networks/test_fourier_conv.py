"""FourierConv2d computes the same as nn.Conv2d."""

import pytest
import torch
from torch import Tensor, nn

from hotcold.networks.cnn.fourier_conv import CUDA_CHANNELS, MIN_CHANNELS, FourierConv2d


def both(
    channels: tuple[int, int], kernel_size: int, side: int, dtype: torch.dtype = torch.float32
) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """(result, gradients of images, weight and bias) of FourierConv2d and of nn.Conv2d."""
    torch.manual_seed(0)
    fourier = FourierConv2d(*channels, kernel_size, side)
    direct = nn.Conv2d(*channels, kernel_size, padding=kernel_size // 2)
    direct.load_state_dict(fourier.state_dict())  # the same names and shapes
    x, upstream = torch.randn(3, channels[0], side, side), torch.randn(3, channels[1], side, side)
    results = []
    for layer in (fourier, direct):
        images = x.clone().requires_grad_()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            result = layer(images)
        result.backward(upstream.to(result.dtype))
        assert images.grad is not None
        gradients = (images.grad, layer.weight.grad, layer.bias.grad)
        results.append((result.detach(), *gradients))
    return results


@pytest.mark.parametrize("side", [28, 9, 12])  # periods of both kinds: odd and even
@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_result_and_gradients_equal_those_of_conv2d(kernel_size: int, side: int) -> None:
    fourier, direct = both((MIN_CHANNELS, MIN_CHANNELS + 3), kernel_size, side)
    for a, b in zip(fourier, direct, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * b.abs().max().item())


def test_bfloat16_error_is_close_to_that_of_conv2d() -> None:
    exact = both((16, 16), 7, 28)[1]
    fourier, direct = both((16, 16), 7, 28, torch.bfloat16)
    for a, b, c in zip(fourier, direct, exact, strict=True):
        assert (a - c).norm() < 3 * max((b - c).norm(), 2**-9 * c.norm())
        assert (a - c).norm() < 0.01 * c.norm()


@pytest.mark.parametrize("channels", [(1, MIN_CHANNELS), (MIN_CHANNELS, MIN_CHANNELS - 1)])
def test_few_channels_use_the_direct_convolution(channels: tuple[int, int]) -> None:
    fourier, direct = both(channels, 7, 28)
    for a, b in zip(fourier, direct, strict=True):
        assert torch.equal(a, b)


@torch.no_grad()
def test_cached_transform_of_the_kernel_follows_the_weights() -> None:
    torch.manual_seed(0)
    layer = FourierConv2d(MIN_CHANNELS, MIN_CHANNELS, 7, 28)
    x = torch.randn(2, MIN_CHANNELS, 28, 28)
    layer(x)
    layer.weight.mul_(2)
    with torch.autocast("cpu", torch.bfloat16):
        layer(x)
    direct = nn.Conv2d(MIN_CHANNELS, MIN_CHANNELS, 7, padding=3)
    direct.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), direct(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "cpu", "cuda"),
    [
        ((1, CUDA_CHANNELS), False, False),
        ((16, 32), True, False),
        ((32, 64), True, True),
        ((128, 64), True, True),
    ],
)
def test_device_and_channels_decide_where_a_convolution_is_computed(
    channels: tuple[int, int], cpu: bool, cuda: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = FourierConv2d(*channels, 7, 28)
    assert layer.in_frequency_domain(torch.device("cpu")) == cpu
    assert not layer.in_frequency_domain(torch.device("mps"))
    assert not layer.in_frequency_domain(torch.device("cuda"))  # in float32
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: kind == "cuda")
    assert layer.in_frequency_domain(torch.device("cuda")) == cuda

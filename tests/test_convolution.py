"""The convolution in the frequency domain: the same as the sum over the kernel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from diffusion.models.fourier_conv import FEWEST, FourierConv2d


def both(
    channels: tuple[int, int], kernel_size: int, side: int, dtype: torch.dtype = torch.float32
) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """(result, gradients of images, weight and bias) of FourierConv2d and of nn.Conv2d."""
    torch.manual_seed(0)
    ours = FourierConv2d(*channels, kernel_size, side)
    plain = nn.Conv2d(*channels, kernel_size, padding=kernel_size // 2)
    plain.load_state_dict(ours.state_dict())  # the same names and shapes
    x, toward = torch.randn(3, channels[0], side, side), torch.randn(3, channels[1], side, side)
    found = []
    for layer in (ours, plain):
        images = x.clone().requires_grad_()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            result = layer(images)
        result.backward(toward.to(result.dtype))
        assert images.grad is not None
        gradients = (images.grad, layer.weight.grad, layer.bias.grad)
        found.append((result.detach(), *gradients))
    return found


@pytest.mark.parametrize("side", [28, 9, 12])  # periods of both kinds: odd and even
@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_result_and_gradients_are_those_of_conv2d(kernel_size: int, side: int) -> None:
    ours, plain = both((FEWEST, FEWEST + 3), kernel_size, side)
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * b.abs().max().item())


def test_bfloat16_rounds_little_more_than_that_of_conv2d() -> None:
    exact = both((16, 16), 7, 28)[1]
    ours, plain = both((16, 16), 7, 28, torch.bfloat16)
    for a, b, c in zip(ours, plain, exact, strict=True):
        assert (a - c).norm() < 3 * max((b - c).norm(), 2**-9 * c.norm())
        assert (a - c).norm() < 0.01 * c.norm()


def test_nothing_wraps_around_the_edges() -> None:
    layer = FourierConv2d(FEWEST, FEWEST, 7, 28)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    x = torch.zeros(1, FEWEST, 28, 28)
    x[0, 0, 27, 0] = 1  # a corner
    expected = torch.zeros(28, 28)
    expected[24:, :4] = 1
    torch.testing.assert_close(layer(x)[0, 0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [(1, FEWEST), (FEWEST, FEWEST - 1)])
def test_few_channels_are_summed_over_the_kernel(channels: tuple[int, int]) -> None:
    ours, plain = both(channels, 7, 28)
    for a, b in zip(ours, plain, strict=True):
        assert torch.equal(a, b)


def test_an_image_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    layer, x = FourierConv2d(FEWEST, FEWEST, 7, 28), torch.randn(5, FEWEST, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(layer(x)[3:4], layer(x[3:4]), rtol=0, atol=1e-6)


@torch.no_grad()
def test_what_is_kept_for_sampling_follows_the_weights() -> None:
    torch.manual_seed(0)
    layer, x = FourierConv2d(FEWEST, FEWEST, 7, 28), torch.randn(2, FEWEST, 28, 28)
    layer(x)
    layer.weight.mul_(2)
    with torch.autocast("cpu", torch.bfloat16):
        layer(x)
    plain = nn.Conv2d(FEWEST, FEWEST, 7, padding=3)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), plain(x), rtol=1e-4, atol=1e-4)

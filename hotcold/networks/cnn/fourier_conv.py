"""Large convolutions as products in the frequency domain.

The convolution theorem (Mathieu, Henaff & LeCun 2014, arXiv 1312.5851): a convolution is a product
of the discrete Fourier transforms of its operands. The transforms are products with constant
matrices here, so all the work is matrix products, in bfloat16 under autocast.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

MIN_CHANNELS = 8  # on either side, for which the transforms are worth their time
CUDA_CHANNELS = 64  # on the wider side, for which that holds on CUDA, in bfloat16


class BatchedMatmul(torch.autograd.Function):
    """matrix @ x for every x of a batch, (m, k) and (batch, k, n) -> (batch, m, n).

    The derivative of torch.bmm would copy the transposed matrix for every x, and so would autocast
    an expanded matrix of another dtype.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(matrix)
        if torch.is_autocast_enabled(x.device.type):
            matrix = matrix.to(torch.get_autocast_dtype(x.device.type))
        return torch.bmm(matrix.expand(len(x), -1, -1), x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (matrix,) = ctx.saved_tensors
        transposed = matrix.T.to(gradient.dtype).contiguous()
        return None, torch.bmm(transposed.expand(len(gradient), -1, -1), gradient)


def _rotation(angle: Tensor) -> Tensor:
    """exp(i angle), (m, k), as a real tensor (2, m, 2, k) between real and imaginary parts."""
    re, im = angle.cos(), angle.sin()
    return torch.stack([torch.stack([re, -im], 1), torch.stack([im, re], 1)])


class FourierConv2d(nn.Conv2d):
    """nn.Conv2d with a square kernel of odd size and images of constant size, `side` x `side`.

    The same parameters and, up to rounding, the same result, (N, C, side, side) -> (N, out
    channels, side, side) in channels_last. It is nn.Conv2d where that is faster: see
    `in_frequency_domain`.
    """

    dft_x: Tensor
    dft_y: Tensor
    idft_y: Tensor
    idft_x: Tensor
    kernel_dft: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, side: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self._cached: tuple[tuple[int, int, bool], Tensor] | None = None
        self.side = side
        self.period = side + kernel_size // 2  # pixels that wrap around are cut off
        self.columns = self.period // 2 + 1  # horizontal frequencies; the others are conjugates
        step = 2 * math.pi / self.period
        kx = torch.arange(self.columns, dtype=torch.float64)
        ky = torch.arange(self.period, dtype=torch.float64)
        pixel = torch.arange(side, dtype=torch.float64)
        tap = torch.arange(kernel_size, dtype=torch.float64) - kernel_size // 2

        angle = step * kx[:, None] * pixel
        dft_x = torch.stack([angle.cos(), -angle.sin()])  # (re | im, columns, side)
        share = torch.where((kx == 0) | (2 * kx == self.period), 1, 2) / self.period
        # The kernel's transform is conjugated, because nn.Conv2d does not flip the kernel.
        angle = step * (ky[:, None, None, None] * tap[:, None] + kx[:, None, None] * tap)
        matrices = {
            "dft_x": dft_x.flatten(0, 1),
            "dft_y": _rotation(-step * ky[:, None] * pixel)
            .transpose(2, 3)
            .flatten(2)
            .flatten(0, 1),
            "idft_y": _rotation(step * pixel[:, None] * ky).transpose(0, 1).flatten(2).flatten(0, 1)
            / self.period,
            "idft_x": (dft_x * share[:, None]).flatten(0, 1).T,
            "kernel_dft": torch.stack([angle.cos(), angle.sin()], 2).flatten(3).flatten(0, 2),
        }
        for name, matrix in matrices.items():
            self.register_buffer(name, matrix.float().contiguous(), persistent=False)

    def train(self, mode: bool = True) -> FourierConv2d:
        """Set training or evaluation mode. Fused optimisers change weights unnoticed, and a
        captured step without calling `forward`, so the cached transform is not kept."""
        self._cached = None
        super().train(mode)
        return self

    def _response(self) -> Tensor:
        """The kernel's transform, (period * columns, 2 * in channels, 2 * out channels); cached
        for the steps of a sampler, until the weights or the mode change."""
        if torch.is_grad_enabled():
            self._cached = None
            return self._transform()
        autocast = torch.is_autocast_enabled(self.weight.device.type)
        key = (self.weight._version, self.weight.data_ptr(), autocast)
        if not self._cached or self._cached[0] != key:
            self._cached = (key, self._transform())
        return self._cached[1]

    def _transform(self) -> Tensor:
        c, o = self.in_channels, self.out_channels
        w = self.kernel_dft @ self.weight.permute(2, 3, 1, 0).reshape(-1, c * o)
        re, im = w.view(-1, 2, c, o).unbind(1)
        return torch.cat([torch.cat([re, im], 2), torch.cat([-im, re], 2)], 1)

    def in_frequency_domain(self, device: torch.device) -> bool:
        """Whether images on this device are convolved by products in the frequency domain."""
        narrow, wide = sorted((self.in_channels, self.out_channels))
        if device.type == "cuda":
            wide_enough = wide >= CUDA_CHANNELS and torch.is_autocast_enabled("cuda")
        else:
            wide_enough = device.type == "cpu"
        return wide_enough and narrow >= MIN_CHANNELS

    def forward(self, x: Tensor) -> Tensor:
        if not self.in_frequency_domain(x.device):
            return super().forward(x)
        n, c, o = len(x), self.in_channels, self.out_channels
        side, period, columns = self.side, self.period, self.columns
        x = x.permute(0, 2, 3, 1).reshape(n * side, side, c)
        x = BatchedMatmul.apply(self.dft_x, x)  # (n * side, 2 * columns, c)
        # (n, 2 * period, columns * c)
        x = BatchedMatmul.apply(self.dft_y, x.view(n, side * 2, columns * c))
        x = x.view(n, 2, period, columns, c).permute(2, 3, 0, 1, 4)
        x = torch.bmm(x.reshape(period * columns, n, 2 * c), self._response())
        x = x.view(period, columns, n, 2, o).permute(2, 3, 0, 1, 4)
        # (n, side * 2, columns * o)
        x = BatchedMatmul.apply(self.idft_y, x.reshape(n, 2 * period, columns * o))
        x = BatchedMatmul.apply(self.idft_x, x.view(n * side, 2 * columns, o))
        x = x.view(n, side, side, o)
        return (x if self.bias is None else x + self.bias.to(x.dtype)).permute(0, 3, 1, 2)

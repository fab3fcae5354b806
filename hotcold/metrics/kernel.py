"""KID (Binkowski et al. 2018): the squared maximum mean discrepancy with a cubic kernel."""

from functools import cached_property

import torch
from torch import Tensor

from hotcold.metrics.intervals import half_width

BLOCK = 1000  # rows of a kernel matrix at once


def kernel(a: Tensor, b: Tensor) -> Tensor:
    """(x y / D + 1)^3 of all pairs: (N, D) and (M, D) -> (N, M), float64."""
    return (a.double() @ b.double().T / a.shape[1] + 1) ** 3


class Kernel:
    """KID from one set of real images, as the U-statistic over all pairs of different images.

    Unbiased at every N, unlike FID; it can be negative. Features are (N, D), N > 3.
    """

    def __init__(self, real: Tensor) -> None:
        """real: the features of the real images, (N, D)."""
        self.real = real

    @cached_property
    def within_real(self) -> float:
        """The mean kernel of two different real images."""
        count = len(self.real)
        total = sum(kernel(rows, self.real).sum().item() for rows in self.real.split(BLOCK))
        diagonal = (self.real.double().square().mean(1) + 1) ** 3
        return (total - diagonal.sum().item()) / (count * (count - 1))

    def __call__(self, generated: Tensor) -> tuple[float, float]:
        """KID of generated features, (N, D), and half of its 95 % interval, see
        `hotcold.metrics.intervals`.

        With the real images fixed, KID is the mean over pairs of
        h(x, y) = k(x, y) - c(x) - c(y) + constant, where c(x) is the mean kernel of x and a real
        image. The variance of such a mean is 4 (N - 2) / (N (N - 1)) times the covariance of
        h(x, y) and h(x, z), plus 2 / (N (N - 1)) times the variance of h (Hoeffding 1948). The sums
        over different images estimate both without bias.
        """
        n = len(generated)
        pairs = n * (n - 1)
        cross = torch.cat([kernel(rows, self.real).mean(1) for rows in generated.split(BLOCK)])
        # Over rows of h without its diagonal: their sums, and the sum of all squares.
        sums, squares = [], 0.0
        for rows, index in zip(generated.split(BLOCK), torch.arange(n).split(BLOCK), strict=True):
            h = kernel(rows, generated) - cross[index, None] - cross + self.within_real
            h[torch.arange(len(index)), index] = 0
            sums.append(h.sum(1))
            squares += h.square().sum().item()
        row_sums = torch.cat(sums)
        total, square_of_rows = row_sums.sum().item(), row_sums.square().sum().item()
        shared = (square_of_rows - squares) / (pairs * (n - 2))  # E h(x, y) h(x, z)
        separate = (total**2 - 4 * square_of_rows + 2 * squares) / (pairs * (n - 2) * (n - 3))
        first_order = 4 * (n - 2) / pairs * (shared - separate)
        second_order = 2 / pairs * (squares / pairs - separate)
        return total / pairs, half_width(first_order + second_order, second_order)

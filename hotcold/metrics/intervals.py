"""95 % intervals of scores over the images of a model.

What an interval covers is the expectation of the score at this number of images, N, over images
that the same network could have drawn; network and real images are held fixed. The bias of a score
at finite N belongs to that expectation, so intervals compare scores of the same N.

The variance of a score has a part of first order in the share of each image, A, and one of second
order in the shares of pairs, B (Hoeffding 1948). Near the floor, where a set of images is as good
as real ones, A vanishes and B is left. There a bootstrap estimates A + 3 B and a jackknife A + 2 B
(Efron and Stein 1981), so their intervals of FID and KID are up to 1.7 and 1.4 times too wide.
Each score therefore estimates both parts. The difference of paired images is a plain bootstrap,
A + 3 B, so its interval is too wide near the floor.
"""

from statistics import NormalDist

LEVEL = 0.95
# The estimate of A + B is nearly unbiased, so it can be tiny by chance where A is 0. A bound at B
# would make the intervals of real images too wide, none would let them miss 20 % of the time.
SMALLEST = 0.6


def half_width(variance: float, second_order: float = 0.0) -> float:
    """Half of the length of an interval, in units of the score.

    variance: an estimate of A + B. second_order: of B alone, a share of which is its lower bound.
    """
    bounded = max(variance, SMALLEST * second_order, 0.0)
    return NormalDist().inv_cdf((1 + LEVEL) / 2) * bounded**0.5

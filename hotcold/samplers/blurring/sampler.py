"""Blurring diffusion."""

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from hotcold.models.process import Start, blur_matrices, blurred, on_device
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.dissipation.process import Dissipation
from hotcold.samplers.blurring.params import Blurring
from hotcold.sampling.bases import subset_of_steps
from hotcold.sampling.predictors import Predict, Sets, Watch, ignore

LEAST = 1e-6  # a smaller or negative gain counts as this, so that ratios of two are defined


def run(
    sampler: Blurring,
    predict: Predict,
    process: Dissipation,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Sets:
    """x_s = blur_s(x_0_hat) + keep (x_t - blur_t(x_0_hat)) + fresh sigma eps, and x_0 = x_0_hat, on
    a subset of the steps.

    keep and fresh act on each frequency, with keep^2 + fresh^2 = 1 and fresh^2 = eta^2 (1 - r^2),
    where r is what blur leaves in x_t of that frequency of x_s. With eta = 1 this is the posterior
    of inverse heat dissipation as a Gaussian process (Hoogeboom and Salimans 2023, section 3). It
    is approximate for the noise at the edges, which the frequencies of a mirrored blur count less,
    and for frequencies of which a blur leaves next to nothing, whose r is clamped to [0, 1]. With
    eta = 0 it is the improved sampler of cold diffusion (Bansal et al. 2022, Algorithm 2).
    """
    x, path = start.x_T, subset_of_steps(process.T, sampler.steps)
    gain = gains(process.schedule, x.shape[-1]).clamp(min=LEAST)[path]
    fresh = sampler.eta * (1 - (gain[:-1] / gain[1:]).clamp(max=1) ** 2).sqrt()
    filters = torch.stack([(1 - fresh**2).sqrt(), fresh], 1).to(x.dtype).to(x.device)
    watch(sampler.main_set, process.T, x)
    for (t, s), (keep, renew) in zip(pairwise(path), filters, strict=True):
        x_0_hat = predict(x, t)
        if s > 0:
            kept = filtered(x - blurred(x_0_hat, process.schedule, t), keep)
            x = blurred(x_0_hat, process.schedule, s) + kept
            if sampler.eta > 0:
                x = x + process.noise * filtered(noise.normal(x), renew)
        else:
            x = x_0_hat
        watch(sampler.main_set, s, x)
    return {sampler.main_set: x}


@lru_cache(maxsize=4)
def waves(side: int) -> tuple[Tensor, Tensor]:
    """The discrete cosine transform of type I of `side` pixels and its inverse, (side, side)
    float64: its waves are mirrored at the outermost pixels, as `blur_matrices` mirrors images."""
    k = torch.arange(side, dtype=torch.float64)
    inverse = torch.cos(torch.pi / (side - 1) * k[:, None] * k)
    return torch.linalg.inv(inverse), inverse


def gains(std: Tensor, side: int) -> Tensor:
    """By what the blurs of these standard deviations, (n,), multiply each frequency of an image,
    (n, side, side) float64."""
    transform, inverse = waves(side)
    gain = (transform @ blur_matrices(std, side) @ inverse).diagonal(dim1=1, dim2=2)
    return gain[:, :, None] * gain[:, None, :]


def filtered(x: Tensor, factors: Tensor) -> Tensor:
    """Images, (N, 1, side, side), with each frequency multiplied by its factor, (side, side)."""
    transform, inverse = (on_device(each, x.dtype, x.device) for each in waves(x.shape[-1]))
    with torch.autocast(x.device.type, enabled=False):
        return inverse @ (factors * (transform @ x @ transform.mT)) @ inverse.mT

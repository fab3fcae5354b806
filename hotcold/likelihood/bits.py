"""The likelihood of images by a categorical model, and two simple codes to compare it with.

All are in bits a pixel, at the grey levels of the model's process.
"""

import lzma
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.numerics.rng import CHUNK, Stream
from hotcold.runs.progress import Progress


@dataclass(frozen=True)
class Estimate:
    """A mean over images, in bits a pixel, and its standard error."""

    bits: float
    standard_error: float


def posterior_divergence(
    process: Any, level: Tensor, x_t: Tensor, probabilities: Tensor, t: int
) -> Tensor:
    """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) of each pixel in nats, (N, H, W).

    process: one with grey levels; level: x_0, (N, H, W) int64; x_t: (N, 1, H, W) pixels;
    probabilities: p(x_0 | x_t), (N, levels, H, W). Both distributions are those of the sampler
    `categorical`: a pixel that may be noise stays with probability r = rho_{t-1} / rho_t and is
    x_0 otherwise; every other pixel is known.
    At t = 1, r is 0, and this is -log p(x_0 | x_1). With a known mask no level is x_t, and this is
    -(1 - r) log p(x_0 | x_t) of a replaced pixel.
    """
    density = [0.0, *process.density.tolist()[1:]]
    r = density[t - 1] / density[t]
    log_p = probabilities.double().clamp(min=torch.finfo(torch.float32).tiny).log()
    log_of_x_0 = log_p.gather(1, level[:, None])[:, 0]
    seen = process.quantise(x_t)
    p_of_x_t = log_p.gather(1, seen).exp()
    p_of_x_t = p_of_x_t.where(process.dequantise(seen) == x_t, 0)[:, 0]  # a mask is no level
    stays = (r + (1 - r) * p_of_x_t).log()  # log p(x_{t-1} = x_t | x_t)
    changed = -(1 - r) * log_of_x_0 + (r * (math.log(r) - stays) if r else 0)
    divergence = torch.where(process.dequantise(level) == x_t[:, 0], -stays, changed)
    return divergence.where(process.may_be_noise(x_t)[:, 0], 0)


@torch.inference_mode()
def variational_bound(
    model: DiffusionModel, x_0: Tensor, evaluations: int, stream: Stream, dtype: torch.dtype
) -> Estimate:
    """The variational bound of -log p(x_0) of images, (N, 1, H, W) pixels on the model's device.

    The sum over t = 1..T of `posterior_divergence` (Austin et al. 2021, equation 1; Sohl-Dickstein
    et al. 2015). Its prior term is exactly 0, because x_T does not depend on x_0. The sum is
    estimated without bias from `evaluations` of its terms for each image, one from each part of
    1..T. Raises TypeError for a process without grey levels, and ValueError if a density below 0.5
    leaves some of the image at T, so that the prior term is not 0, or if there are more evaluations
    than steps.
    """
    if not model.process.levels:
        raise TypeError(f"{model.process.kind} degradation has no grey levels")
    process: Any = model.process
    if float(process.density[-1]) != 0.5:
        raise ValueError(f"the last density is {float(process.density[-1])}, must be 0.5")
    if evaluations > process.T:
        raise ValueError(f"evaluations is {evaluations}, must not exceed T, {process.T}")
    totals = []
    chunks = x_0.split(CHUNK)
    edges = [round(process.T * k / evaluations) for k in range(evaluations + 1)]
    with Progress("likelihood", len(chunks)) as bar, devices.autocast(x_0.device, dtype):
        for number, images in enumerate(chunks):
            g = stream.generator(number)
            level = process.quantise(images)[:, 0]
            total = torch.zeros(len(images), dtype=torch.float64)
            for low, high in pairwise(edges):
                t = int(torch.randint(low + 1, high + 1, (), generator=g))
                x_t = process.degrade(images, process.draw_noise(images, g), t)
                terms = posterior_divergence(process, level, x_t, model.predict(x_t, t), t)
                total += (high - low) * terms.flatten(1).mean(1).cpu()
            totals.append(total / math.log(2))
            bar.advance()
    return _estimate(torch.cat(totals), chunks=len(chunks))


def _estimate(bits: Tensor, chunks: int) -> Estimate:
    """The mean over images, and the standard error from the means of chunks, which share their
    steps t; with one chunk, from the images."""
    groups = bits
    if chunks > 1:
        groups = torch.stack([part.mean() for part in bits.tensor_split(chunks)])
    return Estimate(bits.mean().item(), (groups.std() / len(groups) ** 0.5).item())


def independent_pixels(levels: Tensor, training: Tensor, categories: int) -> Estimate:
    """The code length of images whose pixels are independent, each with the frequencies that its
    grey levels have at its place in training images, counted from 1 (Laplace).

    levels: (N, 1, H, W) int64; training: likewise.
    """
    counts = torch.stack([(training == level).sum(0) for level in range(categories)]) + 1
    log_p = (counts.double() / counts.sum(0)).log2()  # (categories, 1, H, W)
    bits = -log_p.movedim(0, -1)[None].expand(len(levels), -1, -1, -1, -1)
    found = bits.gather(4, levels[..., None]).flatten(1).mean(1)
    return _estimate(found, chunks=1)


def compressed(levels: Tensor) -> float:
    """Bits a pixel of all images in one LZMA file, a byte for each pixel before compression."""
    content = levels.to(torch.uint8).numpy().tobytes()
    size = len(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
    return 8 * size / levels.numel()

"""The cold samplers: naive, improved, and one step of restoration."""

import torch
from torch import Tensor

from hotcold.models.process import Process, Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.samplers.cold.params import Cold
from hotcold.sampling.predictors import Predict, Sets, Watch, ignore


def run(
    sampler: Cold,
    predict: Predict,
    process: Process,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Sets:
    """Restorations `naive`, `improved` and `one_step` of the same `degraded` images.

    The improved sampler gets the noise of x_T, an oracle: it knows which black pixels are pepper
    and which belong to the image. `inferred` is without it: the noise is drawn given x_T alone, by
    the estimate of one step, for a process that can (`noise_behind`).
    """
    sets = {
        "naive": naive(sampler, predict, process, start, noise, watch),
        "improved": improved(predict, process, start, watch),
        "one_step": predict(start.x_T, process.T),
        "degraded": start.x_T,
    }
    if process.renews_noise:
        u = process.noise_behind(start.x_T, sets["one_step"], noise.uniform(start.x_T))
        sets["inferred"] = improved(predict, process, start._replace(noise=u))
    return sets


def naive(
    sampler: Cold,
    restore: Predict,
    process: Process,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Tensor:
    """Algorithm 4 (Algorithm 1 of Bansal et al.): restore, then degrade to the next step.

    Impulse noise is drawn anew in each step. The position of a dark spot belongs to the image, so
    such a process keeps the noise of x_T. `sampler.redrawn` is the share of pixels, others in each
    step, for which this is done; the improved sampler makes the others. `sampler.overwritten` is
    such a share, too, but its pixels keep the noise of x_T.
    """
    x, u = start
    share = sampler.redrawn if sampler.overwritten is None else sampler.overwritten
    watch("naive", process.T, x)
    for s in range(process.T, 0, -1):
        x_0_hat = restore(x, s)
        drawn = noise.uniform(x)
        anew = drawn < share
        kept = x - process.degrade(x_0_hat, u, s) + process.degrade(x_0_hat, u, s - 1)
        if process.renews_noise and sampler.overwritten is None:
            u = torch.where(anew, drawn / share, u)
        x = torch.where(anew, process.degrade(x_0_hat, u, s - 1), kept)
        watch("naive", s - 1, x)
    return x


def improved(restore: Predict, process: Process, start: Start, watch: Watch = ignore) -> Tensor:
    """Algorithm 2 of Bansal et al.: x_{s-1} = x_s - D(x_0_hat, s) + D(x_0_hat, s - 1).

    `start.noise` is used in all steps, so that the masks nest and an error of the restoration
    cancels in every pixel that this step does not reveal.
    """
    x = start.x_T
    watch("improved", process.T, x)
    for s in range(process.T, 0, -1):
        x_0_hat = restore(x, s)
        after = process.degrade(x_0_hat, start.noise, s - 1)
        x = x - process.degrade(x_0_hat, start.noise, s) + after
        watch("improved", s - 1, x)
    return x

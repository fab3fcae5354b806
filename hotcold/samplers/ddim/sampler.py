"""DDIM sampling of a Gaussian process."""

import math
from itertools import pairwise

from torch import Tensor

from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.gaussian.process import Gaussian
from hotcold.samplers.ddim.params import DDIM
from hotcold.sampling.bases import subset_of_steps
from hotcold.sampling.predictors import Predict, Sets, Watch, clipped, ignore


def run(
    sampler: DDIM,
    predict: Predict,
    process: Gaussian,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Sets:
    """DDIM (Song et al. 2020, equations 12 and 16) on a subset of the steps.

    eta = 0 is deterministic; eta = 1 is ancestral sampling with the posterior's variance.
    Of order 2, it takes a linear extrapolation of x_0_hat in the logarithm of the signal-to-noise
    ratio to the middle of the step, except in the first step and in the last. With eta = 0 this is
    DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2), with eta = 1 its stochastic form.
    """
    if sampler.clip:
        predict = clipped(predict, process)
    alpha_bar = process.alpha_bar.tolist()
    x, path = start.x_T, subset_of_steps(process.T, sampler.steps)
    before: tuple[float, Tensor] | None = None  # log_snr and x_0_hat of the step before
    watch(sampler.main_set, process.T, x)
    for t, s in pairwise(path):
        eps_hat = predict(x, t)
        x_0_hat = (x - (1 - alpha_bar[t]) ** 0.5 * eps_hat) / alpha_bar[t] ** 0.5
        if sampler.order == 2:
            here = log_snr(alpha_bar[t]), x_0_hat
            if before and s > 0:
                share = (log_snr(alpha_bar[s]) - here[0]) / (here[0] - before[0]) / 2
                x_0_hat = x_0_hat + share * (x_0_hat - before[1])
                eps_hat = (x - alpha_bar[t] ** 0.5 * x_0_hat) / (1 - alpha_bar[t]) ** 0.5
            before = here
        ratio = (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])
        reverse_std = sampler.eta * ratio**0.5
        left = max(0.0, 1 - alpha_bar[s] - reverse_std**2)  # rounding may take it below 0
        x = alpha_bar[s] ** 0.5 * x_0_hat + left**0.5 * eps_hat
        if reverse_std > 0:
            x = x + reverse_std * noise.normal(x)
        watch(sampler.main_set, s, x)
    return {sampler.main_set: x}


def log_snr(alpha_bar: float) -> float:
    """Half the logarithm of the signal-to-noise ratio."""
    return math.log(alpha_bar / (1 - alpha_bar)) / 2

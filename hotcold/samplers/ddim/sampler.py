"""DDIM sampling of a Gaussian process."""

from __future__ import annotations

from itertools import pairwise

from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.gaussian.process import Gaussian
from hotcold.samplers.ddim.params import DDIM
from hotcold.sampling.predictors import Predict, Sets, Watch, clipped, ignore, subset_of_steps


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
    """
    if sampler.clip:
        predict = clipped(predict, process)
    alpha_bar = process.alpha_bar.tolist()
    x, path = start.x_T, subset_of_steps(process.T, sampler.steps)
    watch(sampler.main_set, process.T, x)
    for t, s in pairwise(path):
        eps_hat = predict(x, t)
        x_0_hat = (x - (1 - alpha_bar[t]) ** 0.5 * eps_hat) / alpha_bar[t] ** 0.5
        ratio = (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])
        reverse_std = sampler.eta * ratio**0.5
        x = alpha_bar[s] ** 0.5 * x_0_hat + (1 - alpha_bar[s] - reverse_std**2) ** 0.5 * eps_hat
        if reverse_std > 0:
            x = x + reverse_std * noise.normal(x)
        watch(sampler.main_set, s, x)
    return {sampler.main_set: x}

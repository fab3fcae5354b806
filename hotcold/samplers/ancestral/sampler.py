"""Ancestral sampling of a Gaussian process."""

from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.gaussian.process import Gaussian
from hotcold.samplers.ancestral.params import Ancestral
from hotcold.sampling.predictors import Predict, Sets, Watch, clipped, ignore


def run(
    sampler: Ancestral,
    predict: Predict,
    process: Gaussian,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Sets:
    """Algorithm 2: the mean of equation 12, plus noise of standard deviation sqrt(beta_t)."""
    if sampler.clip:
        predict = clipped(predict, process)
    alpha_bar, beta = process.alpha_bar.tolist(), process.beta.tolist()
    x = start.x_T
    watch(sampler.main_set, process.T, x)
    for t in range(process.T, 0, -1):
        eps_hat = predict(x, t)
        x = (x - beta[t] / (1 - alpha_bar[t]) ** 0.5 * eps_hat) / (1 - beta[t]) ** 0.5
        if t > 1:
            reverse_std = beta[t] ** 0.5
            x = x + reverse_std * noise.normal(x)
        watch(sampler.main_set, t - 1, x)
    return {sampler.main_set: x}

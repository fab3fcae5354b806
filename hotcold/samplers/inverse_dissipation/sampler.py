"""Inverse heat dissipation."""

from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.dissipation.process import Dissipation
from hotcold.samplers.inverse_dissipation.params import InverseDissipation
from hotcold.sampling.predictors import Predict, Sets, Watch, ignore


def run(
    sampler: InverseDissipation,
    predict: Predict,
    process: Dissipation,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Sets:
    """x_{s-1} = blur_{s-1}(x_0_hat) + delta * eps, and x_0 = x_0_hat (Rissanen et al. 2023,
    Algorithm 2, whose network predicts blur_{s-1}(x_0) instead); delta is `sampler.noise` times
    the sigma of training."""
    x = start.x_T
    watch(sampler.main_set, process.T, x)
    for s in range(process.T, 0, -1):
        x = process.degrade(predict(x, s), sampler.noise * noise.normal(x), s - 1)
        watch(sampler.main_set, s - 1, x)
    return {sampler.main_set: x}

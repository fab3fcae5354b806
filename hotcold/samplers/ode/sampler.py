"""Euler steps and Heun's method for the ordinary differential equation of a flow."""

from itertools import pairwise

from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.flow.process import Flow
from hotcold.samplers.ode.params import ODE
from hotcold.sampling.bases import subset_of_steps
from hotcold.sampling.predictors import Predict, Sets, Watch, ignore


def run(
    sampler: ODE,
    predict: Predict,
    process: Flow,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Sets:
    """dx / ds = velocity from s = 1 to 0, on a subset of the steps.

    Euler: the velocity at the start of a step. Heun: its mean with that at the end of the Euler
    step, but for the last step, where nothing is left to correct (Karras et al. 2022, Algorithm 1).
    """
    share = process.schedule.tolist()
    x, path = start.x_T, subset_of_steps(process.T, sampler.steps)
    watch(sampler.main_set, process.T, x)
    for t, s in pairwise(path):
        width = share[s] - share[t]  # negative
        velocity = predict(x, t)
        if sampler.method == "heun" and s > 0:
            velocity = (velocity + predict(x + width * velocity, s)) / 2
        x = x + width * velocity
        watch(sampler.main_set, s, x)
    return {sampler.main_set: x}

"""The reverse of impulse noise by draws of grey levels."""

from itertools import pairwise

import torch
from torch import Tensor

from hotcold.models.process import Start
from hotcold.numerics.rng import ChunkedNoise
from hotcold.processes.impulse.process import GreyImpulse
from hotcold.samplers.categorical.params import Categorical
from hotcold.sampling.bases import subset_of_steps
from hotcold.sampling.predictors import Predict, Sets, Watch, ignore


def run(
    sampler: Categorical,
    predict: Predict,
    process: GreyImpulse,
    start: Start,
    noise: ChunkedNoise,
    watch: Watch = ignore,
) -> Sets:
    """The reverse of impulse noise by draws of grey levels, x_s ~ p(x_s | x_t), on a subset of
    the steps.

    predict gives p(x_0 | x_t), (N, levels, H, W). Consider one pixel, with one noise u, so that
    the masks nest. At s < t it is noisy salt with probability rho_s; it is x_0 at s and noisy salt
    at t with probability rho_t - rho_s; and it is x_0 at both with probability 1 - 2 rho_t. So
    where x_t is neither salt nor pepper, x_t = x_0 = x_s. Where x_t is salt,

        q(x_s | x_t, x_0) = r [x_s = salt] + (1 - r) [x_s = x_0],   r = rho_s / rho_t;

    for x_0 = salt both terms agree, whether the pixel is noisy or not. The same holds for pepper.
    Its mean over x_0, with the weights p(x_0 | x_t), is

        p(x_s | x_t) = r [x_s = x_t] + (1 - r) p(x_0 = x_s | x_t).

    D3PM (Austin et al. 2021, section 3.3) gives the weights p(x_0 | x_t) to q(x_s, x_t | x_0)
    instead, which is the same with a known mask. So a pixel that may be noisy stays with
    probability r and is otherwise drawn from the prediction. This holds for any s < t. At s = 0,
    where rho counts as 0, every such pixel is drawn.

    sampler.rate: the probability that a pixel is instead degraded again from its draw of x_0, with
    new noise; it corrects a wrong grey pixel, which no step of the posterior would change. At 1 it
    is Algorithm 4 with a draw instead of the mean. If the prediction is right, a step keeps the
    distribution of x_s of each pixel alone, but not that of several pixels together: the pixels of
    one step are drawn independently of each other, which is nearly right only where few change.
    With a known mask this is the posterior of ReMDM (Wang et al. 2025, equation 6), which masks a
    known pixel again with probability rate * 2 rho_s.
    A rate of churn / steps degrades as few again whatever the number of steps, one of eta does not.
    """
    density = [0.0, *process.density.tolist()[1:]]
    x, path = start.x_T, subset_of_steps(process.T, sampler.steps)
    watch(sampler.main_set, process.T, x)
    for t, s in pairwise(path):
        noisy = process.may_be_noise(x)
        probabilities = predict(x, t)
        if sampler.temperature != 1:
            probabilities = probabilities.double() ** (1 / sampler.temperature)
        level = draw_category(probabilities, noise.uniform(x))
        x_0_hat = torch.where(noisy, process.dequantise(level).to(x.dtype), x)
        stays = noisy & (noise.uniform(x) < density[s] / density[t])
        posterior = torch.where(stays, x, x_0_hat)
        if sampler.rate > 0:
            again = process.degrade(x_0_hat, noise.uniform(x), s)
            posterior = torch.where(noise.uniform(x) < sampler.rate, again, posterior)
        x = posterior
        watch(sampler.main_set, s, x)
    return {sampler.main_set: x}


def draw_category(probabilities: Tensor, u: Tensor) -> Tensor:
    """One category for each pixel, (N, 1, H, W) int64, from probabilities (N, C, H, W), by the
    inverse of the cumulative distribution at u, (N, 1, H, W), uniform in [0, 1). Their sum need not
    be 1."""
    cumulative = probabilities.double().cumsum(1)
    return (cumulative <= u * cumulative[:, -1:]).sum(1, keepdim=True)

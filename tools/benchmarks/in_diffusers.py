"""The project's network in the pipelines of diffusers, for the comparison in
tools.benchmarks.speed."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import torch
from hotcold.models.degradations import Gaussian
from torch import Tensor, nn

import hotcold.runtime.torchvision_ops  # noqa: F401  (before diffusers imports torchvision)
from hotcold.numerics.pixels import SIDE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler
    from diffusers.configuration_utils import ConfigMixin
    from diffusers.models.modeling_utils import ModelMixin


class Unet(ModelMixin, ConfigMixin):
    """A network of (x_t, t / T) with the interface of diffusers, where t counts from 0."""

    config_name = "unet"

    def __init__(self, network: nn.Module, T: int) -> None:
        super().__init__()
        self.register_to_config(in_channels=1, sample_size=SIDE)
        self.network, self.T = network, T

    def forward(self, x_t: Tensor, t: Tensor) -> SimpleNamespace:
        scaled = ((t + 1) / self.T).to(x_t).expand(len(x_t))
        return SimpleNamespace(sample=self.network(x_t, scaled))


def pipeline(network: nn.Module, process: Gaussian, ddim: bool) -> DDPMPipeline | DDIMPipeline:
    """DDIM, or DDPM with the reverse variance beta_t of Algorithm 2."""
    schedule = {
        "num_train_timesteps": process.T,
        "trained_betas": process.beta[1:].tolist(),
        "clip_sample": False,
    }
    unet = Unet(network, process.T)
    if ddim:
        built = DDIMPipeline(unet, DDIMScheduler(set_alpha_to_one=True, **schedule))
    else:
        scheduler = DDPMScheduler(variance_type="fixed_large", **schedule)
        built = DDPMPipeline(unet, scheduler)
    built.set_progress_bar_config(disable=True)
    return built


def draw(built: DDPMPipeline | DDIMPipeline, images: int, steps: int, seed: int) -> Tensor:
    """(images, 28, 28, 1) in [0, 1]: diffusers maps pixels from [-1, 1] to it."""
    result = built(
        batch_size=images,
        num_inference_steps=steps,
        output_type="np",
        generator=torch.Generator().manual_seed(seed),
    )
    return torch.from_numpy(result.images)

"""What tools.benchmarks.speed compares with: training and sampling as in published notebooks, and
the sampling pipelines of diffusers, with this project's schedules and parameters of networks.

As in the notebooks all is float32, images pass one at a time through PIL, ToTensor and Normalize in
four worker processes, and the loss is read after each step.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import hotcold.runtime.torchvision_ops  # noqa: F401  (before torchvision)
from hotcold.networks.cnn.fourier_conv import FourierConv2d
from hotcold.networks.cnn.network import LayerNorm
from hotcold.numerics.pixels import SIDE
from hotcold.processes.gaussian.process import Gaussian

WORKERS = 4
GENERAL: dict[type, type[nn.Module]] = {FourierConv2d: nn.Conv2d, LayerNorm: nn.LayerNorm}


def plain(network: nn.Module) -> nn.Module:
    """The same network with PyTorch's own layers; it is changed in place."""
    for layer in network.modules():
        layer.__class__ = GENERAL.get(type(layer), type(layer))
    return network


class Digits(Dataset):
    """uint8 images (N, 1, 28, 28) as torchvision's MNIST returns them."""

    def __init__(self, images: Tensor) -> None:
        from torchvision.transforms import Compose, Normalize, ToTensor

        self.images = images.squeeze(1).numpy()
        self.transform = Compose([ToTensor(), Normalize((0.5,), (1.0,))])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.fromarray(self.images[index]))


def batches(images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Batches without end; the workers prefetch as they do in a long epoch."""
    warnings.filterwarnings("ignore", message="This DataLoader will create 4 worker")
    digits = Digits(images)
    loader = DataLoader(digits, batch_size, shuffle=True, num_workers=WORKERS, drop_last=True)
    while True:
        yield from loader


def train_steps(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    process: Gaussian,
    source: Iterator[Tensor],
    steps: int,
) -> float:
    """Algorithm 1 for some steps; the mean loss."""
    network.train()
    device = next(network.parameters()).device
    alpha_bar = process.alpha_bar.float().to(device)
    total = 0.0
    for _ in range(steps):
        x_0 = next(source).to(device)
        t = torch.randint(1, process.T + 1, (len(x_0),), device=device)
        eps = torch.randn_like(x_0)
        a = alpha_bar[t].view(-1, 1, 1, 1)
        x_t = a.sqrt() * x_0 + (1 - a).sqrt() * eps
        loss = F.mse_loss(network(x_t, t.float() / process.T), eps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / steps


@torch.no_grad()
def sample(network: nn.Module, x: Tensor, process: Gaussian) -> Tensor:
    """Algorithm 2 from x = x_T, (N, 1, 28, 28)."""
    alpha_bar = process.alpha_bar.float().to(x.device)
    beta = process.beta.float().to(x.device)
    for step in range(process.T, 0, -1):
        t = torch.full((len(x),), step, device=x.device)
        a, b = alpha_bar[t].view(-1, 1, 1, 1), beta[t].view(-1, 1, 1, 1)
        eps_hat = network(x, t.float() / process.T)
        x = (x - b / (1 - a).sqrt() * eps_hat) / (1 - b).sqrt()
        if step > 1:
            x = x + b.sqrt() * torch.randn_like(x)
    return x


class Unet(nn.Module):
    """A network of (x_t, t / T) as the pipelines of diffusers call it: t counts from 0."""

    config = SimpleNamespace(in_channels=1, sample_size=SIDE)
    dtype = torch.float32

    def __init__(self, network: nn.Module, T: int) -> None:
        super().__init__()
        self.network, self.T, self.device = network, T, next(network.parameters()).device

    def forward(self, x_t: Tensor, t: Tensor) -> SimpleNamespace:
        scaled = ((t + 1) / self.T).to(x_t).expand(len(x_t))
        return SimpleNamespace(sample=self.network(x_t, scaled))


def sample_in_diffusers(
    network: nn.Module, images: int, ddim: bool, process: Gaussian, seed: int = 0
) -> Tensor:
    """All steps of DDIM, or of DDPM with the reverse variance beta_t of Algorithm 2; (images, 28,
    28, 1) in [0, 1], to which diffusers maps pixels from [-1, 1]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler

    unet, g = Unet(network, process.T), torch.Generator().manual_seed(seed)
    beta = process.beta[1:].tolist()
    schedule = {"num_train_timesteps": process.T, "trained_betas": beta, "clip_sample": False}
    if ddim:
        pipeline = DDIMPipeline(unet, DDIMScheduler(set_alpha_to_one=True, **schedule))
    else:
        pipeline = DDPMPipeline(unet, DDPMScheduler(variance_type="fixed_large", **schedule))
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline(images, num_inference_steps=process.T, output_type="np", generator=g)
    return torch.from_numpy(drawn.images)

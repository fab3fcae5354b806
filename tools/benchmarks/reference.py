"""Training and sampling as in published notebooks: the slow baseline of tools.benchmarks.speed.

float32, one image at a time through PIL, ToTensor and Normalize in four worker processes, the loss
read after each step, the network of tools.benchmarks.plain. The noise schedule is this project's.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from hotcold.models.degradations import Gaussian
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import hotcold.runtime.torchvision_ops  # noqa: F401  (before torchvision)

WORKERS = 4


class Digits(Dataset):
    """uint8 images (N, 1, 28, 28) as torchvision's MNIST returns them."""

    def __init__(self, images: Tensor) -> None:
        from torchvision import transforms

        self.images = images.squeeze(1).numpy()
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5,), (1.0,))]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.fromarray(self.images[index]))


def batches(images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Batches without end; the workers prefetch as they do in a long epoch."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create 4 worker")
        loader = DataLoader(
            Digits(images), batch_size, shuffle=True, num_workers=WORKERS, drop_last=True
        )
        epochs = (batch for _ in itertools.count() for batch in loader)
        first = next(epochs)  # starts the workers, with a warning on a machine with fewer cores
    yield first
    yield from epochs


def train_steps(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    process: Gaussian,
    source: Iterator[Tensor],
    steps: int,
    device: torch.device,
) -> float:
    """Algorithm 1 for some steps; the mean loss."""
    network.train()
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
def sample(network: nn.Module, process: Gaussian, x: Tensor) -> Tensor:
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

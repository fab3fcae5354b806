"""Training of the classifier: AdamW with a one-cycle learning rate and shifted images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from hotcold.classifier.network import Classifier
from hotcold.classifier.params import ClassifierParams
from hotcold.numerics import devices
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.rng import derive, generator
from hotcold.runs.progress import Progress


def shift(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Shift each image by a random offset of up to `pixels` in both directions; (N, 1, H, W)."""
    count, _, height, width = images.shape
    padded = F.pad(images, (pixels,) * 4)[:, 0]
    offsets = torch.randint(
        0, 2 * pixels + 1, (2, count, 1), generator=generator, device=images.device
    )
    rows = offsets[0] + torch.arange(height, device=images.device)  # (N, H)
    columns = offsets[1] + torch.arange(width, device=images.device)  # (N, W)
    index = torch.arange(count, device=images.device)
    return padded[index[:, None, None], rows[:, :, None], columns[:, None, :]].unsqueeze(1)


def train(
    images: Tensor, labels: Tensor, params: ClassifierParams, dtype: torch.dtype, label: str
) -> Classifier:
    """A classifier trained on uint8 images, each shifted by up to 2 pixels, with hard labels.

    images: (N, 1, 28, 28) uint8 and labels: (N,), on the device that trains; label: of the
    progress bar. The last incomplete batch of an epoch is dropped.
    """
    device = images.device
    torch.manual_seed(derive(params.seed, "classifier"))
    network = Classifier().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), params.learning_rate, fused=True)
    batches = len(images) // params.batch_size
    steps = params.epochs * batches
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=params.learning_rate, total_steps=steps
    )
    g = generator(device, params.seed, "classifier")
    network.train()
    with Progress(label, steps) as bar:
        for epoch in range(1, params.epochs + 1):
            order = torch.randperm(len(images), generator=g, device=device)
            for indices in order[: batches * params.batch_size].split(params.batch_size):
                x = to_pixels(shift(images[indices], 2, g))
                with devices.autocast(device, dtype):
                    logits = network(x).logits
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(logits.float(), labels[indices]).backward()
                optimizer.step()
                schedule.step()
                bar.advance()
            bar.note(f"{label}: epoch {epoch} of {params.epochs}")
    return network

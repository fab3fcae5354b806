"""Scores of generated images: features -> statistics -> score. Outputs of networks are arguments.

Features are (N, D) float32. FID and KID are in `frechet` and `kernel`.
"""

from collections import defaultdict

import torch
from torch import Tensor

from hotcold.metrics.intervals import half_width


def inception_score(
    logits: Tensor, splits: int, permutations: int, g: torch.Generator
) -> tuple[float, float, float]:
    """IS, equation 14 (Salimans et al. 2016): mean, standard deviation over the splits, and half of
    a 95 % interval of the mean, see `hotcold.metrics.intervals`.

    The softmax over logits, (N, C), is p(y|x). Images are assigned to splits of (nearly) equal size
    at random, `permutations` times; mean and deviation are means over these. A single split has no
    deviation: 0. The influence of an image is IS times its divergence KL(p(y|x) || p(y)), less the
    mean; what the random splits leave is added.
    """
    log_p = logits.double().log_softmax(1)
    divergence = _divergence(log_p)
    means, deviations = [], []
    for _ in range(permutations):
        shuffled = log_p[torch.randperm(len(log_p), generator=g)]
        scores = torch.stack([_divergence(s).mean().exp() for s in shuffled.tensor_split(splits)])
        means.append(scores.mean())
        deviations.append(scores.std() if splits > 1 else torch.zeros(()))
    mean = torch.stack(means).mean().item()
    variance = mean**2 * divergence.var().item() / len(log_p)
    if permutations > 1:
        variance += torch.stack(means).var().item() / permutations
    return mean, torch.stack(deviations).mean().item(), half_width(variance)


def _divergence(log_p: Tensor) -> Tensor:
    """KL(p(y|x) || p(y)) of each image, (N,), from log p(y|x), (N, C)."""
    p = log_p.exp()
    return (p * (log_p - p.mean(0).clamp(min=torch.finfo(p.dtype).tiny).log())).sum(1)


def manifold_scores(
    real: Tensor, generated: Tensor, k: int, subsets: int, g: torch.Generator
) -> dict[str, float]:
    """precision, recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020), and
    `<score>_std`, their standard deviations over `subsets` random subsets of the larger set.

    The scores depend on N and on which images are taken, so those of the larger set are drawn
    `subsets` times, as many as the smaller set has, and the means are given. The manifold of a set
    is the union of balls around its points, with the k-th neighbour on their surface.
    Raises ValueError unless both sets have more than k points.
    """
    size = min(len(real), len(generated))
    if k >= size:
        raise ValueError(f"k is {k}, must be below the number of images, {size}")
    found = defaultdict(list)
    for _ in range(subsets):
        a = real[torch.randperm(len(real), generator=g)[:size]]
        b = generated[torch.randperm(len(generated), generator=g)[:size]]
        for name, value in _manifolds(a, b, k).items():
            found[name].append(value)
    values = {name: torch.tensor(each, dtype=torch.float64) for name, each in found.items()}
    means = {name: each.mean().item() for name, each in values.items()}
    return means | {
        f"{name}_std": each.std(correction=min(1, subsets - 1)).item()
        for name, each in values.items()
    }


def _manifolds(real: Tensor, generated: Tensor, k: int) -> dict[str, float]:
    """The four scores of two sets of equal size."""
    radius_real = torch.cdist(real, real).kthvalue(k + 1, dim=1).values  # the 1st is itself
    radius_generated = torch.cdist(generated, generated).kthvalue(k + 1, dim=1).values
    distance = torch.cdist(real, generated)  # (real, generated)
    inside_real = distance <= radius_real[:, None]
    inside_generated = distance <= radius_generated[None, :]
    return {
        "precision": inside_real.any(0).double().mean().item(),
        "recall": inside_generated.any(1).double().mean().item(),
        "density": inside_real.double().sum(0).mean().item() / k,
        "coverage": inside_real.any(1).double().mean().item(),
    }


def label_accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of images, by their logits (N, 10), that are classified as their labels, (N,)."""
    return (logits.argmax(1).cpu() == labels).double().mean().item()


def total_variation(classes: Tensor, frequencies: Tensor) -> float:
    """Half the L1 distance between predicted classes, (N,), and real frequencies, (10,)."""
    shares = torch.bincount(classes, minlength=len(frequencies)).double() / len(classes)
    return (shares - frequencies).abs().sum().item() / 2


def weights_of_digits(classes: Tensor, frequencies: Tensor) -> Tensor:
    """The weight of each image, (N,), with which predicted classes, (N,), have real frequencies,
    (10,), as far as there are images of them."""
    shares = torch.bincount(classes, minlength=len(frequencies)).double() / len(classes)
    return (frequencies.double() / shares.clamp(min=1 / len(classes)))[classes]


def nearest_images(images: Tensor, others: Tensor, block: int = 4000) -> tuple[Tensor, Tensor]:
    """For each uint8 image the Euclidean distance, over pixels in [0, 1], to its nearest image
    among the others, and the index of that image; both (N,)."""
    flat = images.flatten(1).float() / 255
    minima = [
        torch.cdist(flat, part.flatten(1).float() / 255).min(1) for part in others.split(block)
    ]
    distance, number = torch.stack([m.values for m in minima]).min(0)
    index = torch.stack([m.indices for m in minima]).gather(0, number[None])[0] + number * block
    return distance, index

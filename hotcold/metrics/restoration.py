"""Scores of restored images against the originals. Images are (N, 1, H, W) uint8."""

import torch
import torch.nn.functional as F
from torch import Tensor

import hotcold.runtime.torchvision_ops  # noqa: F401  (before torchmetrics)
from hotcold.metrics.intervals import half_width

WINDOW = 11  # pixels, the side of the window of SSIM


def psnr(images: Tensor, originals: Tensor) -> float:
    """Peak signal-to-noise ratio in dB with peak 255, the mean over images."""
    return _psnr_of_each(images, originals).mean().item()


def _psnr_of_each(images: Tensor, originals: Tensor) -> Tensor:
    error = (images.double() - originals.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(255**2 / error.clamp(min=1e-3))


def psnr_gain(images: Tensor, others: Tensor, originals: Tensor) -> tuple[float, float]:
    """The mean over images of the PSNR less that of other restorations of the same originals, in
    dB, and half of its 95 % interval, which is paired."""
    gains = _psnr_of_each(images, originals) - _psnr_of_each(others, originals)
    return gains.mean().item(), half_width(gains.var().item() / len(gains))


def rmse(images: Tensor, originals: Tensor) -> float:
    """Root mean squared error over all pixels in [0, 1], the mean over images."""
    error = (images.double() - originals.double()) / 255
    return error.square().flatten(1).mean(1).sqrt().mean().item()


def ssim(images: Tensor, originals: Tensor) -> float:
    """Structural similarity (Wang et al. 2004), the mean over images, by torchmetrics.

    Over the valid window: only where the Gaussian window of 11 x 11 pixels (standard deviation 1.5)
    lies in the image, as in the paper, so that no mirrored border counts.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    _, complete = structural_similarity_index_measure(
        images.double() / 255, originals.double() / 255, data_range=1.0, return_full_image=True
    )
    edge = WINDOW // 2
    return complete[..., edge:-edge, edge:-edge].mean().item()


def restoration_scores(images: Tensor, originals: Tensor) -> dict[str, float]:
    """`psnr` in dB, `ssim` and `rmse`."""
    return {
        "psnr": psnr(images, originals),
        "ssim": ssim(images, originals),
        "rmse": rmse(images, originals),
    }


def median_filter(images: Tensor) -> Tensor:
    """The 3x3 median with replicated edges: the classical filter against impulse noise."""
    padded = F.pad(images.float(), (1, 1, 1, 1), mode="replicate")
    return F.unfold(padded, 3).median(1).values.view(images.shape).to(torch.uint8)

"""All scores of one set of images, in one place: the same for generated and for real ones."""

from __future__ import annotations

from torch import Tensor

from diffusion.classifier import Outputs
from diffusion.metrics import generation as metrics
from diffusion.runtime.rng import derive, generator


def of_images(
    images: Tensor,
    outputs: Outputs,
    reference: dict[str, Tensor],
    splits: int,
    neighbours: int,
    resamples: int,
    seed: int,
    inception: Tensor | None,
) -> dict[str, float]:
    """Scores against the reference: `features` (N, 128) and `frequencies` (10,) of real images,
    and `inception` (N, 2048) where there are weights.

    `<score>_below` and `<score>_above` are the half-widths of a 95 % bootstrap interval. The
    intervals speak of the drawn images alone: the network and the reference are held fixed.
    """
    seed = derive(seed, "scores")
    real, features, logits = reference["features"], outputs.features, outputs.logits
    mean, std = metrics.inception_score(logits, splits, seed)
    # The published scores took the softmax over 1568 penultimate features for class
    # probabilities. This is that definition, on this classifier's 1568 last maps.
    published_mean, published_std = metrics.inception_score(outputs.maps, splits, seed)
    kid, kid_std = metrics.kernel_distance(real, features, seed)
    scores = {
        "images": len(images),
        "is": mean,
        "is_std": std,
        "is_published_definition": published_mean,
        "is_published_definition_std": published_std,
        "fid": metrics.frechet_distance(real, features),
        "kid": kid,
        "kid_std": kid_std,
        "class_distance": metrics.total_variation(logits.argmax(1), reference["frequencies"]),
    }
    k = min(neighbours, len(images) - 1, len(real) - 1)
    scores |= metrics.manifold_scores(real[: len(images)], features[: len(real)], k)
    if inception is not None:
        scores["inception_fid"] = metrics.frechet_distance(reference["inception"], inception)

    frechet, kernel = metrics.frechet_to(real), metrics.kernel_to(real, features)
    for name, score in (
        ("is", lambda i: metrics.inception_score(logits[i], splits, seed)[0]),
        ("fid", lambda i: frechet(features[i])),
        ("kid", kernel),
    ):
        g = generator("cpu", seed, "bootstrap", name)
        below, above = metrics.bootstrap(score, len(images), resamples, g)
        scores |= {f"{name}_below": below, f"{name}_above": above}
    return scores


def of_restoration(images: Tensor, originals: Tensor) -> dict[str, float]:
    """PSNR in dB, SSIM and RMSE of restored images against those they started from."""
    return {
        "psnr": metrics.psnr(images, originals),
        "ssim": metrics.ssim(images, originals),
        "rmse": metrics.rmse(images, originals),
    }

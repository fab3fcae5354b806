"""All scores of a set of images, computed in the same way for generated and for real images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.classifier.network import Classifier, Outputs
from diffusion.metrics.bootstrap import bootstrap, frechet_to, kernel_to
from diffusion.metrics.generation import (
    frechet_distance,
    inception_score,
    kernel_distance,
    manifold_scores,
    total_variation,
)
from diffusion.metrics.inception import Features, find_inception
from diffusion.metrics.params import EvaluationParams
from diffusion.runtime import checkpoints, paths
from diffusion.runtime.errors import UserError
from diffusion.runtime.params import read
from diffusion.runtime.rng import derive, generator

Scores = dict[str, float]

HEADLINE = ("fid", "is", "kid", "precision", "recall", "psnr", "ssim", "rmse")


def headline(scores: Scores) -> Scores:
    """The few scores that DVC compares between commits and experiments, as far as they exist."""
    return {key: scores[key] for key in HEADLINE if key in scores}


@dataclass
class Scorer:
    """The scores of uint8 images, (N, 1, 28, 28), against real images.

    real: `features` (N, 128) of the classifier and class `frequencies` (10,) of real images, and
    their Inception features (N, 2048) as `inception` if those are scored too.
    inception: computes the Inception features of an image.
    """

    classifier: Classifier
    real: dict[str, Tensor]
    params: EvaluationParams
    inception: Features | None = None

    @classmethod
    def load(
        cls,
        params: EvaluationParams | None = None,
        device: torch.device | None = None,
        with_inception: bool = False,
    ) -> Scorer:
        """The classifier and the real images of results/, which `dvc repro` restores or computes.

        params: by default the section `evaluation` of params.yaml. with_inception: also compute
        the FID in Inception features, if their weights are there.
        Raises UserError if a file is missing or damaged.
        """
        device = device or torch.device("cpu")
        params = params or read("evaluation", EvaluationParams)
        classifier = Classifier.load(device=device)
        real, _ = checkpoints.load(paths.REAL_FEATURES)
        inception = find_inception(device) if with_inception else None
        if inception:
            real |= checkpoints.load(paths.REAL_INCEPTION)[0]
        return cls(classifier, real, params, inception)

    def classify(self, images: Tensor) -> Outputs:
        """The outputs of the classifier."""
        return self.classifier.classify(images)

    def frechet(self, images: Tensor) -> float:
        """FID in the features of the classifier alone."""
        return frechet_distance(self.real["features"], self.classify(images).features)

    def __call__(self, images: Tensor, outputs: Outputs | None = None) -> Scores:
        """All scores by name; outputs: those of the classifier, if they are known.

        `<score>_below` and `<score>_above` are the half-widths of a 95 % bootstrap interval over
        the drawn images; the network and the real images are held fixed.
        Raises UserError if there are fewer images than splits of the inception score, or than 4.
        """
        minimum = max(4, self.params.splits)
        if len(images) < minimum:
            raise UserError(
                f"there are {len(images)} images to score, must be at least {minimum}: "
                f"evaluation.splits is {self.params.splits}"
            )
        outputs = outputs or self.classify(images)
        scores = self._points(images, outputs)
        seed, features = derive(self.params.seed, "scores"), outputs.features
        frechet = frechet_to(self.real["features"])
        resampled: dict[str, Callable[[Tensor], float]] = {
            "is": lambda i: inception_score(outputs.logits[i], self.params.splits, seed)[0],
            "fid": lambda i: frechet(features[i]),
            "kid": kernel_to(self.real["features"], features),
        }
        for name, score in resampled.items():
            g = generator("cpu", seed, "bootstrap", name)
            below, above = bootstrap(score, len(images), self.params.bootstrap, g)
            scores |= {f"{name}_below": below, f"{name}_above": above}
        return scores

    def _points(self, images: Tensor, outputs: Outputs) -> Scores:
        """The scores without intervals."""
        real, features, splits = self.real["features"], outputs.features, self.params.splits
        seed = derive(self.params.seed, "scores")
        mean, std = inception_score(outputs.logits, splits, seed)
        # The published scores use the softmax over 1568 penultimate features as class
        # probabilities. This applies that definition to the 1568 last maps of this classifier.
        published_mean, published_std = inception_score(outputs.maps, splits, seed)
        kid, kid_std = kernel_distance(real, features, seed)
        classes, frequencies = outputs.logits.argmax(1), self.real["frequencies"]
        scores = {
            "images": len(images),
            "is": mean,
            "is_std": std,
            "is_published_definition": published_mean,
            "is_published_definition_std": published_std,
            "fid": frechet_distance(real, features),
            "kid": kid,
            "kid_std": kid_std,
            "class_distance": total_variation(classes, frequencies),
        }
        k = min(self.params.neighbours, len(images) - 1, len(real) - 1)
        scores |= manifold_scores(real[: len(images)], features[: len(real)], k)
        if self.inception:
            inception = self.inception(images)
            scores["inception_fid"] = frechet_distance(self.real["inception"], inception)
        return scores

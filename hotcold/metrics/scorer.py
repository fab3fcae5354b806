"""All scores of a set of images, computed in the same way for generated and for real images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from hotcold.classifier.network import Classifier, Outputs
from hotcold.metrics.frechet import Frechet
from hotcold.metrics.generation import (
    inception_score,
    manifold_scores,
    total_variation,
    weights_of_digits,
)
from hotcold.metrics.inception import Features, find_inception
from hotcold.metrics.kernel import Kernel
from hotcold.metrics.params import EvaluationParams
from hotcold.metrics.pixels import pixel_scores
from hotcold.metrics.untrained import distances
from hotcold.numerics import checkpoints
from hotcold.numerics.pixels import SIDE
from hotcold.numerics.rng import generator
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import read
from hotcold.scores import shown

Scores = dict[str, float]


def headline(scores: Scores) -> Scores:
    """The few scores that DVC compares between commits and experiments, as far as they exist."""
    return {score.key: scores[score.key] for score in shown("metrics") if score.key in scores}


@dataclass
class Scorer:
    """The scores of uint8 images, (N, 1, 28, 28), against real images.

    real: `features` (N, 128) of the classifier and class `frequencies` (10,) of real images, what
    `untrained.reference` gives, and their Inception features (N, 2048) as `inception`, if those are
    scored too.
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
        features: Path = paths.REAL_FEATURES,
        results: Path | str = paths.RESULTS,
    ) -> Scorer:
        """The classifier and the real images of a project's results.

        params: by default the section `evaluation` of params.yaml. with_inception: also compute
        the FID in Inception features, if their weights are there. features: of test images, or
        of validation images, by which steps, eta and clip are chosen. results: the folder, of
        which this needs classifier/ and real/; `dvc repro` restores or computes them.
        Raises UserError if a file is missing or damaged.
        """
        device = device or torch.device("cpu")
        params = params or read("evaluation", EvaluationParams)

        def inside(path: Path) -> Path:
            return Path(results) / path.relative_to(paths.RESULTS)

        classifier = Classifier.load(inside(paths.CLASSIFIER_WEIGHTS), device)
        real, _ = checkpoints.load(inside(features))
        inception = find_inception(device) if with_inception else None
        if inception:
            real |= checkpoints.load(inside(paths.REAL_INCEPTION))[0]
        return cls(classifier, real, params, inception)

    def classify(self, images: Tensor) -> Outputs:
        return self.classifier.classify(images)

    @cached_property
    def frechet(self) -> Frechet:
        return Frechet.to(self.real["features"])

    @cached_property
    def kernel(self) -> Kernel:
        return Kernel(self.real["features"])

    def stream(self, score: str) -> torch.Generator:
        return generator("cpu", self.params.seed, "scores", score)

    def inception_scores(self, logits: Tensor) -> Scores:
        """`is` of logits, (N, 10), its 95 % interval, and `is_std` over the splits."""
        splits, permutations = self.params.splits, self.params.permutations
        mean, std, half = inception_score(logits, splits, permutations, self.stream("is"))
        return with_interval("is", mean, half) | {"is_std": std}

    def published_definition(self, maps: Tensor) -> Scores:
        """`is_published_definition` of maps, (N, 1568), and its deviation over the splits.

        The published scores use the softmax over 1568 penultimate features as class probabilities.
        This applies that definition to the 1568 last maps of this classifier.
        """
        scores = self.inception_scores(maps)
        name = "is_published_definition"
        return {name: scores["is"], f"{name}_std": scores["is_std"]}

    def frechet_scores(self, features: Tensor) -> Scores:
        """`fid` of features, (N, 128), its 95 % interval `fid_below` and `fid_above`, and
        `fid_infinite`, extrapolated to infinite N."""
        half = self.frechet.half_width(features, self.params.bootstrap, self.stream("fid"))
        extrapolated = self.frechet.infinite(features, self.params.subsets, self.stream("infinite"))
        return with_interval("fid", self.frechet(features), half) | {"fid_infinite": extrapolated}

    def manifolds(self, features: Tensor) -> Scores:
        """`precision`, `recall`, `density` and `coverage` of features, (N, 128)."""
        params, real = self.params, self.real["features"]
        k = min(params.neighbours, len(features) - 1, len(real) - 1)
        return manifold_scores(real, features, k, params.subsets, self.stream("manifolds"))

    def __call__(self, images: Tensor, outputs: Outputs | None = None) -> Scores:
        """All scores by name; outputs: those of the classifier, if they are known.

        `<score>_below` and `<score>_above` are the half-widths of a 95 % interval over the drawn
        images at this N; the network and the real images are held fixed (see `intervals`).
        Raises UserError if images are no (N, 1, 28, 28) uint8, or fewer than splits of the
        inception score, or than 4.
        """
        if images.dtype != torch.uint8 or images.shape[1:] != (1, SIDE, SIDE):
            raise UserError(
                f"images are {tuple(images.shape)} {images.dtype}, must be (N, 1, {SIDE}, {SIDE}) "
                "torch.uint8"
            )
        minimum = max(4, self.params.splits)
        if len(images) < minimum:
            raise UserError(
                f"there are {len(images)} images to score, must be at least {minimum}: "
                f"evaluation.splits is {self.params.splits}"
            )
        outputs = outputs or self.classify(images)
        scores: Scores = {"images": len(images)}
        scores |= self.inception_scores(outputs.logits)
        scores |= self.published_definition(outputs.maps)
        scores |= self.frechet_scores(outputs.features)
        scores |= with_interval("kid", *self.kernel(outputs.features))
        digits = outputs.logits.argmax(1)
        scores["class_distance"] = total_variation(digits, self.real["frequencies"])
        scores |= self.manifolds(outputs.features)
        scores |= pixel_scores(images)
        stream, resamples = self.stream("untrained"), self.params.bootstrap
        for name, found in distances(self.real, images, resamples, stream).items():
            scores |= with_interval(name, *found)
        if self.inception:
            scores["inception_fid"] = Frechet.to(self.real["inception"])(self.inception(images))
        weights = weights_of_digits(digits.cpu(), self.real["frequencies"])
        scores["fid_balanced"] = self.frechet(outputs.features, weights)
        return scores


def with_interval(name: str, score: float, half_width: float) -> Scores:
    """A score with the half-widths of its interval."""
    return {name: score, f"{name}_below": half_width, f"{name}_above": half_width}

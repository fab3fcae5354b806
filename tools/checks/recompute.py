"""Recompute the scores of the best checkpoints with independent code:

hotcold check recompute [MODEL ...]

Those of real images, and of all models by default. Features and logits are computed by the
classifier from the recorded images; the scores by `tools.checks.independent`, which shares nothing
with `hotcold.metrics` but the random permutations and resamples. Exits with code 1 if a recorded
score differs by more than the rounding of features on another CPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import click
import numpy as np
import torch

from hotcold import samples_file
from hotcold.classifier.network import Classifier
from hotcold.commands import Model, command
from hotcold.data import mnist
from hotcold.numerics.rng import generator
from hotcold.numerics.tables import read_json
from hotcold.params import Params
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, validate
from tools.checks import independent

RELATIVE, ABSOLUTE = 1e-3, 5e-5  # differences that the tables of the report do not show


class Recomputation:
    """The scores of sets of images, by the classifier of results/."""

    def __init__(self, params: Params) -> None:
        self.settings, self.classifier = params.evaluation, Classifier.load()
        test = mnist.images("test")[: params.evaluation.reference]
        self.reference, self.test = self.outputs(test)[0], test[:, 0].numpy()
        self.untrained = independent.untrained(self.test, random_weights())
        labels = mnist.labels("test").numpy()
        self.frequencies = np.bincount(labels, minlength=10) / len(labels)
        images = mnist.images("train")
        split = mnist.split(len(images), params.data)
        self.training = images[split.train, 0].numpy()
        self.validation = images[split.held_out[: params.sampling.images]]

    def outputs(self, images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """The features and logits of images, (N, 128) and (N, 10)."""
        outputs = self.classifier.classify(images)
        return outputs.features.double().numpy(), outputs.logits.double().numpy()

    def orders(self, score: str, count: int, size: int) -> list[np.ndarray]:
        """`count` permutations of `size` things, as the score draws them."""
        g = generator("cpu", self.settings.seed, "scores", score)
        return [torch.randperm(size, generator=g).numpy() for _ in range(count)]

    def scores(self, images: torch.Tensor) -> dict[str, float]:
        """The scores of images, (N, 1, 28, 28) uint8, by the names of `hotcold.scores`."""
        chosen, real, n = self.settings, self.reference, len(images)
        features, logits = self.outputs(images)
        orders = self.orders("is", chosen.permutations, n)
        found = interval("is", *independent.inception(logits, chosen.splits, orders))
        g = generator("cpu", chosen.seed, "scores", "fid")
        draws = [torch.randint(n, (n,), generator=g).numpy() for _ in range(chosen.bootstrap)]
        half = independent.frechet_half_width(real, features, draws)
        found |= interval("fid", independent.frechet(real, features), half)
        orders = self.orders("infinite", chosen.subsets, n)
        found["fid_infinite"] = independent.frechet_infinite(real, features, orders)
        found |= interval("kid", *independent.kernel(real, features))
        levels = images[:, 0].numpy()
        g = generator("cpu", chosen.seed, "scores", "untrained")
        for name, space in self.untrained.items():
            draws = [torch.randint(n, (n,), generator=g).numpy() for _ in range(chosen.bootstrap)]
            reference, generated = space(self.test), space(levels)
            unit = 100 / reference.var(0, ddof=1).sum()
            half = independent.frechet_half_width(reference, generated, draws)
            value = independent.frechet(reference, generated)
            found |= interval(f"{name}_fd", unit * value, unit * half)
        g = generator("cpu", chosen.seed, "scores", "manifolds")
        subsets = []
        for _ in range(chosen.subsets):
            subsets.append(torch.randperm(len(real), generator=g).numpy())
            torch.randperm(n, generator=g)  # of the generated images, all of which are taken
        k = min(chosen.neighbours, n - 1, len(real) - 1)
        for name, (mean, std) in independent.manifolds(real, features, k, subsets).items():
            found |= {name: mean, f"{name}_std": std}
        found["zeros"], found["components"] = independent.pixels(levels)
        found["class_distance"] = independent.class_distance(logits, self.frequencies)
        found["fid_balanced"] = independent.balanced(real, features, logits, self.frequencies)
        distance = independent.nearest_distance(levels, self.training)
        return found | {"nearest_training_distance": distance}

    def pairs(self, names: Iterable[str]) -> Iterator[tuple[str, dict[str, float], Mapping]]:
        """The scores again, and as recorded: of real images, and of the best checkpoint of each
        model."""
        yield "real", self.scores(self.validation), read_json(paths.REAL_SCORES)
        for name in names:
            entries = read_json(paths.SCORES / name / "scores.json")
            (best,) = (entry for entry in entries if "best" in entry["roles"])
            sets, _ = samples_file.load(paths.samples(name, best["epoch"]))
            yield name, self.scores(sets[best["main"]]), best["sets"][best["main"]]


def random_weights() -> list[np.ndarray]:
    """Those of the random network, as `hotcold.metrics.untrained` draws them."""
    g = generator("cpu", 0, "random network")
    return [torch.randn(*shape, 5, 5, generator=g).numpy() for shape in ((32, 1), (64, 32))]


def interval(key: str, score: float, half: float) -> dict[str, float]:
    """A score, and the distances of the ends of its interval."""
    return {key: score, f"{key}_below": half, f"{key}_above": half}


def differences(found: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """The scores that differ, or that are not recorded, in words."""
    return [
        f"{key} is {value:.5g}, recorded {recorded.get(key, math.nan):.5g}"
        for key, value in found.items()
        if not math.isclose(value, recorded.get(key, math.nan), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    ]


@command(__doc__)
@click.argument("models", nargs=-1, type=Model(), metavar="[MODEL]...")
def main(models: tuple[str, ...]) -> None:
    params = validate(load(), Params)
    wrong = []
    for name, found, recorded in Recomputation(params).pairs(models or params.models):
        differing = differences(found, recorded)
        print(f"{name}: {len(found) - len(differing)} of {len(found)} scores agree", flush=True)
        wrong += [f"{name}: {words}" for words in differing]
    if wrong:
        raise UserError("; ".join(wrong))

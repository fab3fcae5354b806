"""Recompute every score of the best checkpoints in report/supplement.md with independent code:

hotcold check recompute [MODEL ...]

Those of real images, and of all models by default. Features and logits are computed by the
classifier from the recorded images; the scores by `tools.checks.independent`, which shares nothing
with `hotcold.metrics` but the random permutations and resamples. Exits with code 1 if a printed
number does not agree to its last digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import click
import numpy as np
import torch

from hotcold import samples_file
from hotcold.classifier.network import Classifier
from hotcold.commands import Model, command
from hotcold.data import mnist
from hotcold.numerics.rng import generator
from hotcold.numerics.tables import read_csv
from hotcold.params import Params
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, validate
from tools.checks import independent

CAPTIONS = (
    "Scores of the best checkpoint of each model",
    "Fidelity and variety of the best checkpoints",
    "Zeros and components",
)


class Recomputation:
    """The numbers of a row of these tables, in the order in which they are printed.

    They are those of the set of images, by the classifier of results/.
    """

    def __init__(self, params: Params) -> None:
        self.settings, self.classifier = params.evaluation, Classifier.load()
        test = mnist.images("test")[: params.evaluation.reference]
        self.reference, self.test = self.outputs(test)[0], test[:, 0].numpy()
        self.untrained = independent.untrained(self.test, random_weights()).values()
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

    def row(self, images: torch.Tensor) -> Iterator[float]:
        """The numbers of all tables for images, (N, 1, 28, 28) uint8, without the first two."""
        chosen, real, n = self.settings, self.reference, len(images)
        features, logits = self.outputs(images)
        orders = self.orders("is", chosen.permutations, n)
        yield from with_ends(*independent.inception(logits, chosen.splits, orders))
        g = generator("cpu", chosen.seed, "scores", "fid")
        draws = [torch.randint(n, (n,), generator=g).numpy() for _ in range(chosen.bootstrap)]
        half = independent.frechet_half_width(real, features, draws)
        yield from with_ends(independent.frechet(real, features), half)
        orders = self.orders("infinite", chosen.subsets, n)
        yield independent.frechet_infinite(real, features, orders)
        yield from with_ends(*independent.kernel(real, features))
        levels = images[:, 0].numpy()
        g = generator("cpu", chosen.seed, "scores", "untrained")
        for space in self.untrained:
            draws = [torch.randint(n, (n,), generator=g).numpy() for _ in range(chosen.bootstrap)]
            reference, generated = space(self.test), space(levels)
            unit = 100 / reference.var(0, ddof=1).sum()
            half = independent.frechet_half_width(reference, generated, draws)
            value = independent.frechet(reference, generated)
            yield from with_ends(unit * value, unit * half)
        g = generator("cpu", chosen.seed, "scores", "manifolds")
        subsets = []
        for _ in range(chosen.subsets):
            subsets.append(torch.randperm(len(real), generator=g).numpy())
            torch.randperm(n, generator=g)  # of the generated images, all of which are taken
        k = min(chosen.neighbours, n - 1, len(real) - 1)
        for mean, deviation in independent.manifolds(real, features, k, subsets).values():
            yield from (mean, deviation)
        yield from independent.pixels(levels)
        yield independent.class_distance(logits, self.frequencies)
        yield independent.balanced(real, features, logits, self.frequencies)
        yield independent.nearest_distance(levels, self.training)

    def rows(self, names: Iterable[str]) -> Iterator[tuple[str, list[float]]]:
        """Every row: of real images, and of the best checkpoint of each model."""
        yield "real", list(self.row(self.validation))
        for name in names:
            history = read_csv(paths.history(name))
            best = min(history, key=lambda row: float(row["validation_loss"]))
            epoch = int(float(best["epoch"]))
            sets, description = samples_file.load(paths.samples(name, epoch))
            scores = self.row(sets[description["main"]])
            yield name, [epoch, *scores]


def random_weights() -> list[np.ndarray]:
    """Those of the random network, as `hotcold.metrics.untrained` draws them."""
    g = generator("cpu", 0, "random network")
    return [torch.randn(*shape, 5, 5, generator=g).numpy() for shape in ((32, 1), (64, 32))]


def with_ends(score: float, half: float) -> tuple[float, float, float]:
    """A score and the ends of its interval."""
    return score, score - half, score + half


def printed(report: str) -> dict[str, list[str]]:
    """By row: the numbers of the three tables of the best checkpoints."""
    found: dict[str, list[str]] = {}
    for caption in CAPTIONS:
        table = re.findall(r"(?:^\|.*\n)+", report[report.index(caption) :], re.MULTILINE)[0]
        for line in table.splitlines()[2:]:
            name, _, cells = line.strip("| ").partition(" | ")
            found.setdefault(name, []).extend(re.findall(r"[−]?\d[\d.]*", cells))
    return found


def agrees(text: str, value: float) -> bool:
    """Whether a number is printed to its last decimal. 0.05 of a unit more than its rounding is for
    the features, which have other last digits on another CPU."""
    unit = 10.0 ** -len(text.partition(".")[2])
    return abs(float(text.replace("−", "-")) - value) <= 0.55 * unit


@command(__doc__)
@click.argument("models", nargs=-1, type=Model(), metavar="[MODEL]...")
def main(models: tuple[str, ...]) -> None:
    params = validate(load(), Params)
    shown = printed((paths.REPORT / "supplement.md").read_text(encoding="utf-8"))
    wrong = []
    for name, values in Recomputation(params).rows(models or params.models):
        texts = shown.get(name, [])
        differing = [
            f"{text} is {value:.5g}"
            for text, value in zip(texts, values, strict=False)
            if not agrees(text, value)
        ]
        if len(texts) != len(values):
            differing.append(f"{len(texts)} numbers are {len(values)}")
        print(f"{name}: {len(values) - len(differing)} of {len(values)} numbers agree", flush=True)
        wrong += [f"{name}: {words}" for words in differing]
    if wrong:
        raise UserError("; ".join(wrong))

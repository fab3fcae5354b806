"""How often the 95 % intervals of FID, KID and IS cover what they estimate:

hotcold bench coverage

A population of images, of which every trial draws N, stands for a network: the validation images,
whose distance from the test images is the floor; and a mock generator, whose images have outputs of
the classifier between those of two digits, so that FID is about TARGET. Exits with code 1 if a
coverage is outside ALLOWED by more than twice its standard error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import click
import torch
from torch import Tensor

from hotcold.classifier.network import Classifier
from hotcold.commands import command
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.metrics.frechet import Frechet
from hotcold.metrics.generation import inception_score
from hotcold.metrics.kernel import Kernel
from hotcold.metrics.params import EvaluationParams
from hotcold.numerics import checkpoints
from hotcold.numerics.rng import generator
from hotcold.runs.progress import Progress
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Count, read

ALLOWED = (0.88, 0.99)
TARGET = 3.0  # FID of the mock generator
WITHOUT_INTERVAL = 4  # times as many sets of images for the expectation as for the coverage


@dataclass(frozen=True)
class Population:
    """The outputs of the classifier for all images that a network could draw, (P, D) and (P, C)."""

    features: Tensor
    logits: Tensor

    def draw(self, count: int, g: torch.Generator) -> Population:
        """`count` images, independently."""
        index = torch.randint(len(self.features), (count,), generator=g)
        return Population(self.features[index], self.logits[index])

    def mixed(self, strength: float, g: torch.Generator) -> Population:
        """Each image moved towards another one by a random share of up to `strength`."""
        other = torch.randperm(len(self.features), generator=g)
        share = strength * torch.rand(len(other), 1, generator=g)
        return Population(
            torch.lerp(self.features, self.features[other], share),
            torch.lerp(self.logits, self.logits[other], share),
        )


class Simulation:
    """The scores of sets of `count` images against the features of real images, (R, D)."""

    def __init__(self, real: Tensor, count: int, params: EvaluationParams) -> None:
        self.frechet, self.kernel = Frechet.to(real), Kernel(real)
        self.count, self.params = count, params

    def scores(
        self, drawn: Population, g: torch.Generator, intervals: bool = True
    ) -> dict[str, tuple[float, float]]:
        """FID, KID and IS with half of their intervals, or 0 for that of FID, which takes long."""
        params = self.params
        half = self.frechet.half_width(drawn.features, params.bootstrap, g) if intervals else 0.0
        mean, _, of_mean = inception_score(drawn.logits, params.splits, params.permutations, g)
        kid = self.kernel(drawn.features)
        return {"FID": (self.frechet(drawn.features), half), "KID": kid, "IS": (mean, of_mean)}

    def coverage(
        self, population: Population, trials: int, g: torch.Generator
    ) -> dict[str, dict[str, float]]:
        """By score: its `expectation`, the `coverage` of its intervals, and their mean `width`
        relative to that of the central 95 % of the scores."""
        with Progress("coverage", (WITHOUT_INTERVAL + 1) * trials) as bar:
            drawn, found = [], []
            for _ in range(WITHOUT_INTERVAL * trials):
                drawn.append(self.scores(population.draw(self.count, g), g, intervals=False))
                bar.advance()
            for _ in range(trials):
                found.append(self.scores(population.draw(self.count, g), g))
                bar.advance()
        results = {}
        for name in drawn[0]:
            values = torch.tensor([each[name][0] for each in drawn], dtype=torch.float64)
            score, half = torch.tensor([each[name] for each in found], dtype=torch.float64).T
            low, high = values.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
            results[name] = {
                "expectation": values.mean().item(),
                "coverage": ((score - values.mean()).abs() < half).double().mean().item(),
                "width": (2 * half.mean() / (high - low)).item(),
            }
        return results

    def mock(self, real: Population, target: float, seed: int) -> Population:
        """Real images, mixed so that the FID of all of them is about `target`."""
        low, high = 0.0, 1.0
        for _ in range(20):
            strength = (low + high) / 2
            mixed = real.mixed(strength, generator("cpu", seed, "mock"))
            low, high = (
                (strength, high) if self.frechet(mixed.features) < target else (low, strength)
            )
        return mixed


@command(__doc__)
@click.option("--trials", type=click.IntRange(1), default=200, help="of each population")
def main(trials: int) -> None:
    params, count = read("evaluation", EvaluationParams), read("sampling.images", Count)
    images = mnist.images("train")
    held_out = mnist.split(len(images), read("data", DataParams)).held_out
    outputs = Classifier.load().classify(images[held_out])
    real = Population(outputs.features, outputs.logits)
    reference = checkpoints.load(paths.REAL_FEATURES)[0]["features"]
    simulation = Simulation(reference, count, params)
    populations = {"real": real, "mock": simulation.mock(real, TARGET, params.seed)}
    tolerance = 2 * math.sqrt(ALLOWED[0] * (1 - ALLOWED[0]) / trials)
    outside = []
    print("| images | score | expectation | coverage | width / ideal |\n|---|---|---|---|---|")
    for name, population in populations.items():
        g = generator("cpu", params.seed, "coverage", name)
        for score, result in simulation.coverage(population, trials, g).items():
            values = " | ".join(f"{value:.3g}" for value in result.values())
            print(f"| {name} | {score} | {values} |", flush=True)
            if not ALLOWED[0] - tolerance <= result["coverage"] <= ALLOWED[1] + tolerance:
                outside.append(f"{score} of {name} images")
    if outside:
        raise UserError(f"the coverage of {', '.join(outside)} is outside {ALLOWED}")

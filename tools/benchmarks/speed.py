"""Compare the speed of training and sampling with published notebooks and with diffusers:

hotcold bench speed [MODEL ...]

Variants of the same work take turns in one process, so that other work on the machine affects all
of them. `speed-up` is relative to the first variant, which is in the style of published notebooks:
the median over the turns. Images are random, because the time does not depend on them. The
project's own variants compute in float32 and in the precision of the option.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import truediv

import click
import torch
from torch import Tensor

from hotcold.commands import Model, command
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.numerics.pixels import SIDE
from hotcold.numerics.rng import Stream
from hotcold.params import ModelParams
from hotcold.processes.gaussian.process import Gaussian
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import read
from hotcold.samplers.ancestral.params import Ancestral
from hotcold.samplers.ddim.params import DDIM
from hotcold.sampling.draw import DrawOptions, draw
from hotcold.training.loop import Examples, LoopSettings, train_epoch
from hotcold.training.params import TrainingParams
from hotcold.training.step import MIN_COMPILED_STEPS, build_step
from tools.benchmarks import reference

TRAINING_IMAGES = 60_000  # in memory, of which some are used
SAMPLED = 100  # images
DDIM_STEPS = 50
MODELS = ("model1", "model2")


@dataclass(frozen=True)
class Variant:
    """One implementation of some work. run() does `units` of its `total` units: images of training,
    or steps of the reverse process."""

    name: str
    run: Callable[[], object]
    units: int
    total: int = 1

    def result(self, cost: float) -> str:
        """The result for the table; cost: seconds for all units."""
        if self.total == 1:
            return f"{1 / cost:.0f} images/s"
        return f"{cost:.3g} s, from {self.units} steps of {1000 * cost / self.total:.1f} ms"


def interleaved(variants: list[Variant], repetitions: int) -> list[list[float]]:
    """For each variant: seconds for all units in each repetition. The variants take turns after one
    run each that is not timed; a run ends when the device has finished."""
    costs: list[list[float]] = [[] for _ in variants]
    for _ in range(repetitions + 1):
        for variant, found in zip(variants, costs, strict=True):
            start = time.perf_counter()
            variant.run()
            if torch.accelerator.is_available():
                torch.accelerator.synchronize()
            found.append((time.perf_counter() - start) / variant.units * variant.total)
    return [found[1:] for found in costs]


def random_images(count: int) -> Tensor:
    """(count, 1, 28, 28), uint8."""
    g = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 1, SIDE, SIDE), generator=g, dtype=torch.uint8)


def initial(params: ModelParams, device: torch.device) -> DiffusionModel:
    """A model with the same initial weights at each call."""
    torch.manual_seed(0)
    model = DiffusionModel.build(params.block())
    model.module.to(device)
    return model


class Bench:
    """The variants for one model of params.yaml. steps: of training or sampling in one run.

    Raises UserError for a model whose degradation is not Gaussian noise.
    """

    def __init__(self, name: str, device: torch.device, steps: int) -> None:
        self.params = read(f"models.{name}", ModelParams)
        self.device, self.steps = device, steps
        self.batch_size = read("training", TrainingParams).batch_size
        process = initial(self.params, device).process
        if not isinstance(process, Gaussian):
            kind = self.params.degradation.kind
            raise UserError(f"{name} has {kind} degradation, must be gaussian like the reference")
        self.process = process

    def training(self, precisions: list[str]) -> list[Variant]:
        """Algorithm 1 as in published notebooks, and by `train_epoch` with steps as in a long
        training."""
        rate, count = self.params.training.learning_rate, self.steps * self.batch_size
        plain = reference.plain(initial(self.params, self.device).module)
        source = reference.batches(random_images(TRAINING_IMAGES), self.batch_size)
        optimizer = torch.optim.Adam(plain.parameters(), rate)
        steps = partial(reference.train_steps, plain, optimizer, self.process, source, self.steps)
        variants = [Variant("reference, float32", steps, count)]
        examples = Examples(random_images(count).to(self.device))
        for precision in precisions:
            model, dtype = initial(self.params, self.device), devices.DTYPES[precision]
            optimizer = torch.optim.Adam(model.module.parameters(), rate, fused=True)
            settings = LoopSettings(self.batch_size, seed=0, dtype=dtype)
            step = build_step(model, dtype, self.batch_size, MIN_COMPILED_STEPS)
            epoch = partial(train_epoch, step, optimizer, examples, settings, 1)
            variants.append(Variant(f"ours, {precision}", epoch, count))
        return variants

    def sampling(self, precisions: list[str]) -> list[Variant]:
        """SAMPLED images by all steps of the reverse process, and by DDIM_STEPS of DDIM."""
        model, T = initial(self.params, self.device), self.process.T
        network = model.module.eval()
        plain = reference.plain(copy.deepcopy(network))
        x_T = torch.randn(SAMPLED, 1, SIDE, SIDE, device=self.device)

        def variant(name: str, total: int, sample: Callable[[Gaussian], object]) -> Variant:
            timed = min(self.steps, total)
            # A process of as many steps, so that a loop over all of them is complete.
            work = partial(sample, Gaussian(self.process.alpha_bar[: timed + 1]))
            return Variant(f"{name}, {total} steps", work, timed, total)

        def own(precision: str, ddim: bool, process: Gaussian) -> None:
            sampler = DDIM(steps=process.T) if ddim else Ancestral()
            options = DrawOptions(devices.DTYPES[precision])
            draw(replace(model, process=process), x_T, sampler, Stream(0, "speed"), options)

        variants = [variant("reference, float32", T, partial(reference.sample, plain, x_T))]
        for name, ddim, total in (("ancestral", False, T), ("DDIM", True, DDIM_STEPS)):
            variants += [
                variant(f"ours {name}, {precision}", total, partial(own, precision, ddim))
                for precision in precisions
            ]
            sample = partial(reference.sample_in_diffusers, network, SAMPLED, ddim)
            variants.append(variant(f"diffusers {name}, float32", total, sample))
        return variants


@command(__doc__)
@click.argument("models", nargs=-1, type=Model(), metavar="[MODEL]...")
@click.option("--steps", type=click.IntRange(1), default=5, help="in one repetition")
@click.option("--repetitions", type=click.IntRange(1), default=5, help="of each variant")
@click.option("--precision", default="auto", type=click.Choice(["auto", *devices.DTYPES]))
def main(models: tuple[str, ...], steps: int, repetitions: int, precision: str) -> None:
    device = devices.device()
    dtype = devices.dtype(precision, device)
    precisions = list(dict.fromkeys((str(dtype).removeprefix("torch."), "float32")))
    benches = {name: Bench(name, device, steps) for name in models or MODELS}
    print(f"{devices.cpu()}; {devices.describe(device, dtype)}; torch {torch.__version__}\n")
    print("| part | variant | result | speed-up |\n" + "|---" * 4 + "|", flush=True)
    for name, bench in benches.items():
        for part, build in (("training", bench.training), ("sampling", bench.sampling)):
            variants = build(precisions)
            costs = interleaved(variants, repetitions)
            for variant, cost in zip(variants, costs, strict=True):
                result = variant.result(statistics.median(cost))
                speedup = statistics.median(map(truediv, costs[0], cost))
                print(f"| {part} {name} | {variant.name} | {result} | {speedup:.2f} |", flush=True)

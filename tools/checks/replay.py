"""Compute recorded results again on this device, and compare them with the recorded ones:

hotcold check replay images model3 model5 --images 100
hotcold check replay losses model1 --checkpoints best --checkpoints last
hotcold check replay gpu

images: draws recorded images again, with the weights, noise and original images of stages.sample;
by default those of the best checkpoint in the main set, or of a model that restores images in the
set of the improved sampler. The machine that recorded them draws the same ones. Other hardware
rounds differently, which some samplers amplify: images agree if at least MIN_SHARE of the pixels
are within TOLERANCE grey levels, or if their mean difference from the recorded ones is at most
MAX_RATIO times that between bfloat16 and float32 on this device.

losses: computes the validation losses of stages.train again, from the kept weights, which are
rounded to `training.weights`; by default those of all checkpoints. They agree within
MAX_DIFFERENCE.

gpu: checks the graphs of CUDA, on random images: losses of captured steps against those of plain
steps, and dropout. Steps of models with Gaussian noise are compiled, too. Also draws recorded
images again, where there are any. Needs neither dvc nor the network nor MNIST.

Without names of models, all of params.yaml are checked. Prints a table, and exits with code 1 if
something disagrees.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import click
import torch
from torch import Tensor

from hotcold import samples_file
from hotcold.commands import Model, group
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.rng import CHUNK, Stream
from hotcold.params import ModelParams
from hotcold.runs.progress import Progress
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Precision, Seed, load, read, validate
from hotcold.sampling.draw import DrawOptions, draw, labels_in_turn
from hotcold.sampling.params import Sampler
from hotcold.training import loop
from hotcold.training.params import TrainingParams
from hotcold.training.state import TrainState
from hotcold.training.step import CapturedStep, Step
from tools.benchmarks import speed

TOLERANCE = 2  # grey levels of 255
MIN_SHARE = 0.95
MAX_RATIO = 2
MAX_DIFFERENCE = 0.01  # relative, of losses
COMPARED = 10  # captured steps
GRAPHS = "cuda"  # the device that has them
HEADING = "| model | check | result | limit | |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """The result of one check; limit: what it is compared with."""

    model: str
    check: str
    result: str
    limit: str
    agrees: bool

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "**disagrees**"
        return f"| {self.model} | {self.check} | {self.result} | {self.limit} | {verdict} |"


def precision(device: torch.device) -> torch.dtype:
    """That of params.yaml."""
    return devices.dtype(read("precision", Precision), device)


def images(name: str, checkpoint: str, key: str | None, count: int) -> Row:
    """Draw the first recorded images of a set again: `count`, rounded up to full chunks, if so many
    are recorded.

    Raises UserError for a set that the model does not have, and if MAX_RATIO times the effect of
    rounding is as much as the difference between unlike images.
    """
    device = devices.device()
    dtype, batch_size = precision(device), devices.batch_size(device)
    model = DiffusionModel.load(paths.weights(name, checkpoint), device)
    epoch = model.description["epoch"]
    path = paths.samples(name, epoch)
    sets, description = samples_file.load(path)
    key = key or ("improved" if "improved" in sets else description["main"])
    if key not in sets:
        raise UserError(f"--set is '{key}', must be one of {', '.join(sets)} for {name}")
    sampler = validate(description["sampler"], Sampler, path, prefix=("sampler",))
    recorded = sets[key][: CHUNK * math.ceil(count / CHUNK)]
    x_0 = to_pixels(sets.get("original", recorded)[: len(recorded)]).to(device)
    stream = Stream(read("seed", Seed), "sample", name, epoch)
    steps = DrawOptions(dtype, batch_size).steps(sampler, model.process.T, len(recorded))

    def drawn(dtype: torch.dtype) -> Tensor:
        with Progress(f"replay {name}", steps) as bar:
            options = DrawOptions(dtype, batch_size, bar.advance)
            return draw(model, x_0, sampler, stream, options)[key].int()

    again = drawn(dtype)
    difference = (again - recorded.int()).abs().double()
    share = (difference <= TOLERANCE).double().mean().item()
    result = (
        f"{100 * share:.2f} % of the pixels within {TOLERANCE} levels, "
        f"mean difference {difference.mean():.3f}"
    )
    agrees = share >= MIN_SHARE
    if not agrees:
        other = drawn(torch.bfloat16 if dtype == torch.float32 else torch.float32)
        rounding = (other - again).abs().double().mean().item()
        unlike = (again.roll(1, 0) - again).abs().double().mean().item()
        if rounding and MAX_RATIO * rounding >= unlike:
            raise UserError(
                f"{name}, {key}: rounding changes these images too much to compare them"
            )
        ratio = difference.mean().item() / rounding if rounding else math.inf
        agrees = ratio <= MAX_RATIO
        result += f", {ratio:.2f} times the effect of rounding"
    limit = f"at least {100 * MIN_SHARE:.0f} %, or at most {MAX_RATIO} times"
    return Row(name, f"{len(again)} images drawn again, {checkpoint}, {key}", result, limit, agrees)


def losses(name: str, checkpoints: list[str]) -> Iterator[Row]:
    """The validation losses of these checkpoints, or of all. Raises UserError if there are none."""
    device = devices.device()
    settings = loop.LoopSettings(batch_size=1, seed=read("seed", Seed), dtype=precision(device))
    kept = checkpoints or sorted(p.stem for p in (paths.MODELS / name).glob("*.safetensors"))
    if not kept:
        raise UserError(f"there are no weights of '{name}' in {paths.MODELS}: run dvc repro")
    everything = mnist.images("train")
    split = mnist.split(len(everything), read("data", DataParams))
    chosen = split.validation[: read("training", TrainingParams).validation_images]
    for checkpoint in kept:
        model = DiffusionModel.load(paths.weights(name, checkpoint), device)
        labels = mnist.labels("train")[chosen] if model.classes else None
        examples = loop.Examples(everything[chosen], labels).to(device)
        with torch.inference_mode():
            loss = loop.validate(model, examples, settings, model.description["epoch"])
        recorded = model.description["validation_loss"]
        result = f"{loss:.5f}, recorded {recorded:.5f}"
        limit, agrees = f"{100 * MAX_DIFFERENCE:.0f} %", abs(loss / recorded - 1) <= MAX_DIFFERENCE
        yield Row(name, f"validation loss, {checkpoint}", result, limit, agrees)


class Training:
    """COMPARED steps of the training of one model of params.yaml, always from the same weights, on
    random images of random brightness, so that every batch has another loss."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name, self.device, self.dtype = name, device, precision(device)
        self.params = read(f"models.{name}", ModelParams)
        self.batch_size = read("training", TrainingParams).batch_size
        self.model = partial(speed.initial, self.params, device)

    def losses(self, step: Step) -> Tensor:
        """The losses of the steps, (COMPARED,)."""
        recipe, count = self.params.training, COMPARED * self.batch_size
        g = torch.Generator().manual_seed(0)
        brightness = torch.rand(count, 1, 1, 1, generator=g)
        images = (speed.random_images(count) * brightness).to(torch.uint8)
        labels = labels_in_turn(count, step.model.classes) if step.model.classes else None
        examples = loop.Examples(images, labels).to(self.device)
        state = TrainState(step.model.module, recipe, COMPARED)
        settings = loop.LoopSettings(self.batch_size, 0, self.dtype, recipe.stratified_t)
        return loop.train_epoch(step, state.optimizer, examples, settings, epoch=1)

    def check_losses(self, compiled: bool) -> Row:
        """Captured against plain steps: the median over steps of the relative difference. Rounding
        to bfloat16 causes 0.001, a stale batch 0.06. After more steps, rounding alone causes 0.01
        in model2, which has a high learning rate."""
        expected = self.losses(Step(self.model(dropout=False), self.dtype))
        step = CapturedStep(self.model(dropout=False), self.dtype, self.batch_size, compiled)
        difference = (self.losses(step) / expected - 1).abs().median().item()
        label = f"losses of {COMPARED} {'compiled and ' if compiled else ''}captured steps"
        result, limit = f"differ by {100 * difference:.2f} %", f"{100 * MAX_DIFFERENCE:.0f} %"
        agrees = difference <= MAX_DIFFERENCE  # not so if it is NaN
        return Row(self.name, label, result, limit, agrees)

    def check_dropout(self) -> Row:
        """Replays of a captured step with dropout: another loss each time, the same for one seed.
        It is compiled, because a compiled network draws its masks in its own way."""
        step = CapturedStep(self.model(dropout=True), self.dtype, self.batch_size, compiled=True)
        x_0, t, noise, *labels = map(torch.zeros_like, step.batch)
        values = []
        for seed in (1, 2, 1):
            torch.manual_seed(seed)
            values.append(step(x_0, t + 1, noise + 0.5, *labels).item())
        agrees = values[0] == values[2] != values[1]
        result = ", ".join(f"{value:.6f}" for value in values)
        return Row(self.name, "dropout of seeds 1, 2, 1", result, "the first is the last", agrees)


def gpu(name: str, device: torch.device) -> Iterator[Row]:
    """The checks of one model. One that fails with an error disagrees."""
    training = Training(name, device)
    compiled = training.params.degradation.kind == "gaussian"
    planned: dict[str, Callable[[], Row]] = {"losses": partial(training.check_losses, compiled)}
    if training.params.block()["network"].get("dropout"):
        planned["dropout"] = training.check_dropout
    if paths.weights(name).exists() and any((paths.SAMPLES / name).glob("*.npz")):
        planned["images drawn again"] = partial(images, name, "best", None, 1)
    for label, check in planned.items():
        try:
            row = check()
        except Exception as error:  # driver, compiler, memory and files raise many kinds
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            row = Row(name, label, reason.replace("|", "/"), "no error", agrees=False)
        yield row


def report(rows: Iterable[Row]) -> None:
    """Print a table. Raises UserError if something disagrees."""
    device = devices.device()
    description = devices.describe(device, precision(device))
    print(f"{description}, torch {torch.__version__}\n\n{HEADING}", flush=True)
    start, disagreeing = time.monotonic(), []
    for row in rows:
        print(row, flush=True)
        if not row.agrees:
            disagreeing.append(f"{row.model}, {row.check}")
    print(f"\n{time.monotonic() - start:.0f} s", flush=True)
    if disagreeing:
        raise UserError(f"these checks disagree: {'; '.join(disagreeing)}")


main = group(__doc__, {})
MODELS = click.argument("models", nargs=-1, type=Model(), metavar="[MODEL]...")
CHECKPOINT = click.option(
    "--checkpoints", multiple=True, metavar="NAME", help="best, last or epoch_NNN"
)


@main.command("images")
@MODELS
@CHECKPOINT
@click.option("--images", "count", type=click.IntRange(1), default=CHUNK, help="of a model")
@click.option("--set", "key", help="ancestral, ddim, naive, one_step, ...")
def redraw(
    models: tuple[str, ...], checkpoints: tuple[str, ...], count: int, key: str | None
) -> None:
    """Draw recorded images again; of the best checkpoint by default."""
    pairs = itertools.product(models or load()["models"], checkpoints or ("best",))
    report(images(name, checkpoint, key, count) for name, checkpoint in pairs)


@main.command("losses")
@MODELS
@CHECKPOINT
def recompute(models: tuple[str, ...], checkpoints: tuple[str, ...]) -> None:
    """Compute validation losses again; of all checkpoints by default."""
    names = models or load()["models"]
    report(row for name in names for row in losses(name, list(checkpoints)))


@main.command("gpu")
@MODELS
def graphs(models: tuple[str, ...]) -> None:
    """Check the graphs of CUDA."""
    device = devices.device()
    if device.type != GRAPHS:
        raise UserError(f"the device is {device}, must be {GRAPHS}: others have no graphs")
    report(row for name in models or load()["models"] for row in gpu(name, device))

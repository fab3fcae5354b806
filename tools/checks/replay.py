"""Compute recorded results again on this device, and compare them with the recorded ones:

hotcold check replay images model3 model5 --images 100
hotcold check replay losses model1 --checkpoints best --checkpoints last

images: draws recorded images again, with the weights, noise and original images of stages.sample;
by default those of the best checkpoint in the main set, or of a model that restores images in the
set of the improved sampler. The machine that recorded them draws the same ones. Other hardware
rounds differently, which the samplers of categorical models amplify: images agree if at least
MIN_SHARE of the pixels are within TOLERANCE grey levels.

losses: computes the validation losses of stages.train again, from the kept weights, which are
rounded to `training.weights`; by default those of all checkpoints. They agree within
MAX_DIFFERENCE.

Without names of models, all of params.yaml are checked. Prints a table, and exits with code 1 if
something disagrees.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click
import torch

from hotcold import samples_file
from hotcold.commands import Model, group
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models.model import DiffusionModel
from hotcold.models.params import read_designs
from hotcold.numerics import devices
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.rng import CHUNK, Stream
from hotcold.runs.progress import Progress
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Precision, Seed, parse, read, validate
from hotcold.sampling.draw import DrawOptions, draw
from hotcold.sampling.params import Sampler, SamplingParams
from hotcold.training import loop
from hotcold.training.params import TrainingParams

TOLERANCE = 2  # grey levels of 255
MIN_SHARE = 0.95
MAX_DIFFERENCE = 0.01  # relative, of losses
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
    are recorded. Raises UserError for a set that the model does not have."""
    device = devices.device()
    dtype, batch_size = precision(device), devices.batch_size(device)
    model = DiffusionModel.load(paths.weights(name, checkpoint), device)
    epoch = model.description["epoch"]
    path = paths.samples(name, epoch)
    sets, description = samples_file.load(path)
    key = key or ("improved" if "improved" in sets else description["main"])
    if key not in sets:
        raise UserError(f"--set is '{key}', must be one of {', '.join(sets)} for {name}")
    block = parse(json.dumps(description["sampler"]))  # with tuples, as of params.yaml
    sampler = validate(block, Sampler, path, prefix=("sampler",))
    recorded = sets[key][: CHUNK * math.ceil(count / CHUNK)]
    x_0 = to_pixels(sets.get("original", recorded)[: len(recorded)]).to(device)
    seed = read("sampling", SamplingParams).noise_seed(read("seed", Seed))
    stream = Stream(seed, "sample", name, epoch)
    steps = DrawOptions(dtype, batch_size).steps(sampler, model.process.T, len(recorded))
    with Progress(f"replay {name}", steps) as bar:
        options = DrawOptions(dtype, batch_size, bar.advance)
        again = draw(model, x_0, sampler, stream, options)[key].int()
    difference = (again - recorded.int()).abs().double()
    share = (difference <= TOLERANCE).double().mean().item()
    result = (
        f"{100 * share:.2f} % of the pixels within {TOLERANCE} levels, "
        f"mean difference {difference.mean():.3f}"
    )
    label = f"{len(again)} images drawn again, {checkpoint}, {key}"
    return Row(name, label, result, f"{100 * MIN_SHARE:.0f} %", agrees=share >= MIN_SHARE)


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
    pairs = itertools.product(models or read_designs(), checkpoints or ("best",))
    report(images(name, checkpoint, key, count) for name, checkpoint in pairs)


@main.command("losses")
@MODELS
@CHECKPOINT
def recompute(models: tuple[str, ...], checkpoints: tuple[str, ...]) -> None:
    """Compute validation losses again; of all checkpoints by default."""
    names = models or read_designs()
    report(row for name in names for row in losses(name, list(checkpoints)))

"""Check training and sampling on a GPU, and time a training step: python -m tools.checks.gpu

Needs neither dvc nor the network nor MNIST. For every model of params.yaml the losses of captured
steps are compared with those of plain steps on the same random images, and recorded images, where
there are results, with the same images drawn again (tools.checks.resample). Steps of the models
whose degradation is Gaussian noise are compiled, and timed against the reference of
tools.benchmarks.speed. Prints a table, and exits with code 1 if something disagrees.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.numerics.pixels import SIDE
from hotcold.params import ModelParams
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import Precision, load, read
from hotcold.training.loop import Examples, LoopSettings, train_batches
from hotcold.training.params import TrainingParams
from hotcold.training.state import TrainState
from hotcold.training.step import CapturedStep, Step
from tools.benchmarks import variants
from tools.benchmarks.timing import interleaved, results
from tools.benchmarks.variants import Setting
from tools.checks import resample

# Relative difference of the losses of the first COMPARED steps: rounding to bfloat16 causes 0.001,
# a stale batch 0.06. After more steps, rounding alone causes 0.01 in model2, which has a high
# learning rate.
MAX_DIFFERENCE = 0.01
COMPARED = 10
REPETITIONS = 3
DEVICE = "cuda"
HEADING = "| model | check | result | limit | |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """The result of one check; limit: what it is compared with, empty for a measurement."""

    model: str
    check: str
    result: str
    limit: str = ""
    agrees: bool = True

    def __str__(self) -> str:
        verdict = "" if not self.limit else "agrees" if self.agrees else "**disagrees**"
        return f"| {self.model} | {self.check} | {self.result} | {self.limit} | {verdict} |"


@dataclass(frozen=True)
class Training:
    """COMPARED steps of the training of one model of params.yaml, always from the same weights, on
    random images of random brightness, so that every batch has another loss."""

    name: str
    setting: Setting

    @property
    def params(self) -> ModelParams:
        return read(f"models.{self.name}", ModelParams)

    @property
    def batch_size(self) -> int:
        return read("training", TrainingParams).batch_size

    def model(self, dropout: bool) -> DiffusionModel:
        """The model with its initial weights; without dropout, its loss is not random."""
        block = self.params.block()
        if not dropout:
            block["network"].pop("dropout", None)
        torch.manual_seed(0)
        model = DiffusionModel.build(block)
        model.module.to(self.setting.device)
        return model

    def captured(self, dropout: bool = False, compiled: bool = False) -> CapturedStep:
        """A captured step. Raises whatever the capture raises."""
        return CapturedStep(self.model(dropout), self.setting.dtype, self.batch_size, compiled)

    def losses(self, step: Step) -> Tensor:
        """The losses of the steps, (COMPARED,)."""
        params, steps, size = self.params.training, COMPARED, self.batch_size
        images = variants.random_images(steps * size)
        brightness = torch.rand(steps * size, 1, 1, 1, generator=torch.Generator().manual_seed(0))
        images = (images * brightness).to(torch.uint8).to(self.setting.device)
        state = TrainState(step.model.module, params, steps)
        settings = LoopSettings(size, 0, self.setting.dtype, params.stratified_t)
        return train_batches(step, state.optimizer, Examples(images), settings, epoch=1)


def check_losses(training: Training, compiled: bool) -> Row:
    """Captured against plain steps: the median over steps of the relative difference."""
    plain = Step(training.model(dropout=False), training.setting.dtype)
    expected = training.losses(plain)
    captured = training.losses(training.captured(compiled=compiled))
    difference = (captured / expected - 1).abs().median().item()
    label = f"losses of {len(expected)} {'compiled and ' if compiled else ''}captured steps"
    agrees = difference <= MAX_DIFFERENCE  # not so if it is NaN
    result, limit = f"differ by {100 * difference:.2f} %", f"{100 * MAX_DIFFERENCE:.0f} %"
    return Row(training.name, label, result, limit, agrees)


def check_dropout(training: Training) -> Row:
    """Replays of a captured step with dropout: another loss each time, the same for one seed. It is
    compiled, because a compiled network draws its masks in its own way."""
    step, device = training.captured(dropout=True, compiled=True), training.setting.device
    x_0 = torch.zeros(training.batch_size, 1, SIDE, SIDE, device=device)
    t = torch.ones(training.batch_size, dtype=torch.long, device=device)
    values = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        values.append(step(x_0, t, torch.full_like(x_0, 0.5)).item())
    agrees = values[0] == values[2] != values[1]
    losses = ", ".join(f"{value:.6f}" for value in values)
    return Row(training.name, "dropout of seeds 1, 2, 1", losses, "the first is the last", agrees)


def check_images(name: str) -> Row:
    """Recorded images of the best checkpoint against the same images drawn again."""
    compared = resample.compare(name, "best", None, count=1)
    label = f"{len(compared.difference)} images drawn again, {compared.key}"
    limit = f"at least {100 * resample.MIN_SHARE:.0f} %, or at most {resample.MAX_RATIO} times"
    return Row(name, label, str(compared), limit, compared.agrees)


def measure(training: Training) -> Row:
    """The time of a training step, and how often the reference's step takes it."""
    both = [
        variants.reference_training(training.params, training.setting),
        variants.own_training(training.params, training.setting, training.setting.dtype),
    ]
    rows = results(both, interleaved(both, REPETITIONS))
    reference, ours = (1000 * row["cost"] * training.batch_size for row in rows)
    result = f"{ours:.2f} ms, reference {reference:.2f} ms: {rows[1]['speedup']:.2f} times"
    return Row(training.name, "time of a training step", result)


def checks(name: str, setting: Setting) -> Iterator[Row]:
    """The rows of one model. A check that fails with an error disagrees."""
    training = Training(name, setting)
    hot = training.params.degradation.kind == "gaussian"
    planned = {"losses": partial(check_losses, training, compiled=hot)}
    if training.params.block()["network"].get("dropout"):
        planned["dropout"] = partial(check_dropout, training)
    if paths.weights(name).exists() and any((paths.SAMPLES / name).glob("*.npz")):
        planned["images drawn again"] = partial(check_images, name)
    if hot:
        planned["time of a training step"] = partial(measure, training)
    for label, check in planned.items():
        try:
            row = check()
        except Exception as error:  # of any kind: driver, compiler, memory, files
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            row = Row(name, label, reason.replace("|", "/"), "no error", agrees=False)
        yield row


def main() -> None:
    parser = cli.parser("tools.checks.gpu", __doc__)
    parser.add_argument(
        "models", metavar="MODEL", type=cli.known_model, nargs="*", help="of params.yaml (all)"
    )
    parser.add_argument("--steps", type=int, default=50, help="of each timed training (50)")
    arguments = parser.parse_args()
    device = devices.device()
    if device.type != DEVICE:
        raise UserError(f"the device is {device}, must be {DEVICE}: others have no graphs")
    dtype = devices.dtype(read("precision", Precision), device)
    setting = Setting(device, dtype, arguments.steps, paths.PARAMS.parent)
    print(f"{devices.describe(device, dtype)}, torch {torch.__version__}\n\n{HEADING}", flush=True)
    start, disagreeing = time.monotonic(), []
    for name in arguments.models or load()["models"]:
        for row in checks(name, setting):
            print(row, flush=True)
            if not row.agrees:
                disagreeing.append(f"{row.model}, {row.check}")
    print(f"\n{time.monotonic() - start:.0f} s", flush=True)
    if disagreeing:
        raise UserError(f"these checks disagree: {'; '.join(disagreeing)}")


if __name__ == "__main__":
    run(main)

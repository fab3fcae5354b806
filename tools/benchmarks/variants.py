"""The parts of the benchmark: each is a list of variants of the same work.

Images and the classifier's weights are random, because the time does not depend on them.
torchvision, torchmetrics and diffusers are imported where they are used: otherwise their memory
would count for every variant.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from hotcold.models.degradations import Gaussian
from hotcold.training.loss import loss
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from hotcold.metrics.params import EvaluationParams
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices
from hotcold.numerics.pixels import SIDE
from hotcold.numerics.rng import ChunkedNoise, generator
from hotcold.params import ModelParams
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import read
from hotcold.sampling import samplers
from hotcold.sampling.params import DDIM
from hotcold.training.loop import Examples, LoopSettings, train_epoch
from hotcold.training.params import TrainingParams
from hotcold.training.step import MIN_COMPILED_STEPS, build_step
from tools.benchmarks.plain import plain
from tools.benchmarks.timing import Variant

SHAPE = (1, SIDE, SIDE)
TRAINING_IMAGES = 60_000  # in memory, of which some are used
SAMPLED, SCORED = 100, 1000  # images
OTHERS = 48_000  # images among which the scores find the nearest
DDIM_STEPS = (50, 25)
MATRIX_SIDE = 2048
COPIED = 2**28  # bytes
STAGES = ("train", "sample", "evaluate", "step_study", "likelihood")


@dataclass(frozen=True)
class Setting:
    """The settings of all parts.

    steps: of training or sampling in one repetition. project: where dvc is timed.
    """

    device: torch.device
    dtype: torch.dtype
    steps: int
    project: Path

    def variant(
        self, name: str, dtype: torch.dtype, work: Callable[[], object], **units: Any
    ) -> Variant:
        """A variant that ends when the device has finished; units: further fields of Variant."""

        def finish() -> None:
            work()
            if self.device.type != "cpu":
                torch.accelerator.synchronize()

        kind = str(dtype).removeprefix("torch.")
        return Variant(f"{name}, {kind}", finish, dtype=kind, **units)


Part = Callable[[Setting], list[Variant]]


def random_images(count: int) -> Tensor:
    """(count, 1, 28, 28), uint8."""
    g = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, *SHAPE), generator=g, dtype=torch.uint8)


def build(params: ModelParams) -> tuple[DiffusionModel, Gaussian]:
    """A model with the same initial weights at each call, and its process."""
    torch.manual_seed(0)
    model = DiffusionModel.build(params.block())
    return model, cast(Gaussian, model.process)  # `parts` refuses other processes


def operations(params: ModelParams, training: bool) -> float:
    """Floating point operations for one image, two for each multiply-add: the forward pass, and
    the backward pass too if `training`.

    They are those of the network's definition, by sums over the kernel. Products in the frequency
    domain need fewer, so a variant may seem to exceed what the machine can do.
    """
    model, _ = build(params)
    plain(model.module)
    x_0, t = torch.zeros(1, *SHAPE), torch.ones(1, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        value = loss(model, x_0, t, torch.zeros_like(x_0))
        if training:
            value.backward()
    return counter.get_total_flops()


def products(setting: Setting) -> list[Variant]:
    """Products of square matrices, in the precision of the project and of the reference."""

    def product(dtype: torch.dtype) -> Variant:
        a = torch.randn(MATRIX_SIDE, MATRIX_SIDE, device=setting.device).to(dtype)
        return setting.variant("product", dtype, lambda: a @ a, flops=2 * MATRIX_SIDE**3)

    return [product(dtype) for dtype in dict.fromkeys((setting.dtype, torch.float32))]


def memory(setting: Setting) -> list[Variant]:
    """A copy in the memory of the device; the unit is a byte, read or written."""
    source = torch.ones(COPIED, dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)
    return [setting.variant("copy", source.dtype, lambda: target.copy_(source), units=2 * COPIED)]


def reference_training(params: ModelParams, setting: Setting) -> Variant:
    """`setting.steps` steps of Algorithm 1 as in published notebooks; the unit is an image."""
    from tools.benchmarks import reference

    batch_size = read("training", TrainingParams).batch_size
    model, process = build(params)
    network = plain(model.module).to(setting.device)
    optimizer = torch.optim.Adam(network.parameters(), params.training.learning_rate)
    source = reference.batches(random_images(TRAINING_IMAGES), batch_size)
    steps, device = setting.steps, setting.device
    work = partial(reference.train_steps, network, optimizer, process, source, steps, device)
    flops = operations(params, training=True)
    return setting.variant("reference", torch.float32, work, units=steps * batch_size, flops=flops)


def own_training(params: ModelParams, setting: Setting, dtype: torch.dtype) -> Variant:
    """The same by `train_epoch`, with steps as in a long training."""
    batch_size = read("training", TrainingParams).batch_size
    images = random_images(setting.steps * batch_size).to(setting.device)
    model, _ = build(params)
    network = model.module.to(setting.device)
    optimizer = torch.optim.Adam(network.parameters(), params.training.learning_rate, fused=True)
    settings = LoopSettings(batch_size, seed=0, dtype=dtype)
    step = build_step(model, dtype, batch_size, MIN_COMPILED_STEPS)
    work = partial(train_epoch, step, optimizer, Examples(images), settings, 1)
    flops = operations(params, training=True)
    return setting.variant("ours", dtype, work, units=len(images), flops=flops)


def training(params: ModelParams, setting: Setting) -> list[Variant]:
    """Steps of Algorithm 1; the unit is an image."""
    dtypes = dict.fromkeys((setting.dtype, torch.float32))
    own = [own_training(params, setting, dtype) for dtype in dtypes]
    return [reference_training(params, setting), *own, *products(setting)]


def sampling(params: ModelParams, setting: Setting) -> list[Variant]:
    """SAMPLED images; the unit is a step of the reverse process. One repetition takes at most
    setting.steps of them."""
    model, process = build(params)
    network = model.module.to(setting.device).eval()
    plain_network = plain(copy.deepcopy(network))
    flops = operations(params, training=False) * SAMPLED
    noise = ChunkedNoise([SAMPLED], [generator("cpu", 0, "speed")])
    x_T = noise.normal(torch.empty(SAMPLED, *SHAPE, device=setting.device))

    def variant(
        name: str, dtype: torch.dtype, steps: int, sample: Callable[[Gaussian], object]
    ) -> Variant:
        timed = min(setting.steps, steps)
        # A process of as many steps, so that a loop over all of them is complete.
        work = partial(sample, Gaussian(process.alpha_bar[: timed + 1]))
        return setting.variant(
            f"{name}, {steps} steps", dtype, work, units=timed, total=steps, flops=flops
        )

    def reference_loop(shorter: Gaussian) -> None:
        from tools.benchmarks import reference

        reference.sample(plain_network, shorter, x_T)

    def own_loop(shorter: Gaussian, ddim: bool) -> None:
        normal = noise.normal
        with torch.inference_mode(), devices.autocast(setting.device, setting.dtype):
            if ddim:
                sampler = DDIM(steps=shorter.T)
                samplers.sample_ddim(model.predict, shorter, x_T, normal, sampler)
            else:
                samplers.sample_ancestral(model.predict, shorter, x_T, normal)

    def pipeline(shorter: Gaussian, ddim: bool) -> None:
        from tools.benchmarks import in_diffusers

        in_diffusers.draw(in_diffusers.pipeline(network, shorter, ddim), SAMPLED, shorter.T, 0)

    variants = [
        variant("reference", torch.float32, process.T, reference_loop),
        variant("ours ancestral", setting.dtype, process.T, partial(own_loop, ddim=False)),
        variant("diffusers DDPM", torch.float32, process.T, partial(pipeline, ddim=False)),
    ]
    for steps in DDIM_STEPS:
        variants += [
            variant("ours DDIM", setting.dtype, steps, partial(own_loop, ddim=True)),
            variant("diffusers DDIM", torch.float32, steps, partial(pipeline, ddim=True)),
        ]
    return [*variants, *products(setting)]


def evaluation(setting: Setting) -> list[Variant]:
    """All scores of SCORED images in the classifier's features, and their nearest images."""
    from hotcold.classifier.network import Classifier
    from hotcold.metrics.generation import nearest_images
    from hotcold.metrics.scorer import Scorer

    params = read("evaluation", EvaluationParams)
    classifier = Classifier().to(setting.device)
    images, others = random_images(SCORED), random_images(OTHERS)
    real = {
        "features": classifier.classify(random_images(params.reference)).features,
        "frequencies": torch.full((10,), 0.1, dtype=torch.float64),
    }
    scorer = Scorer(classifier, real, params)

    def score() -> None:
        scorer(images)
        nearest_images(images, others)

    return [setting.variant(f"scores of {SCORED} images", torch.float32, score)]


def commands(setting: Setting) -> list[Variant]:
    """The start of stages, and DVC when everything is up to date; in separate processes."""
    dvc = [sys.executable, "-m", "dvc"]
    lines = {f"start of {s}": [sys.executable, "-m", f"stages.{s}", "--help"] for s in STAGES}
    run = partial(subprocess.run, cwd=setting.project, check=True, capture_output=True)
    if json.loads(run([*dvc, "status", "--json"]).stdout):
        print(f"{setting.project} is not up to date, so dvc is not timed", file=sys.stderr)
    else:
        lines |= {"dvc status": [*dvc, "status"], "dvc repro": [*dvc, "repro"]}
    return [Variant(name, partial(run, line), command=tuple(line)) for name, line in lines.items()]


def parts(models: list[str]) -> dict[str, Part]:
    """The parts by name, in the order of measurement.

    Raises UserError for a model whose degradation is not Gaussian noise.
    """
    chosen: dict[str, Part] = {"memory": memory}
    for name in models:
        params = read(f"models.{name}", ModelParams)
        kind = params.degradation.kind
        if kind != "gaussian":
            raise UserError(f"{name} has {kind} degradation, must be gaussian like the reference")
        chosen |= {
            f"training {name}": partial(training, params),
            f"sampling {name}": partial(sampling, params),
        }
    return chosen | {"evaluation": evaluation, "commands": commands}

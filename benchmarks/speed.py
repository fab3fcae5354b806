"""How fast the workflow is, beside the way that notebooks do the same: python -m benchmarks.speed

Everything is measured in turns in one process; medians are written as Markdown and JSON.
Images and the classifier's weights are random: the time does not depend on them.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain import plain
from benchmarks.timing import Way, interleaved, peak_memory, results
from diffusion.metrics.params import Evaluation
from diffusion.models import cnn as network
from diffusion.models import degradations
from diffusion.models.params import Model
from diffusion.runtime import devices
from diffusion.runtime.errors import UserError, run
from diffusion.runtime.params import read
from diffusion.runtime.rng import Chunked, generator
from diffusion.sampling import samplers
from diffusion.training.loop import train_epoch
from diffusion.training.loss import loss
from diffusion.training.params import Training

# torchvision, torchmetrics and diffusers are imported by what needs them, or their memory would
# count for everything.

ROOT = Path(__file__).resolve().parent.parent
SHAPE = (1, network.SIDE, network.SIDE)
RESIDENT, OTHERS = 60_000, 48_000  # images that training holds, and that scores look among
DRAWN, SCORED = 100, 1000  # images that are sampled, and scored
STRIDED = (50, 25)
PRODUCT, COPY = 2048, 2**28  # side of the matrices; bytes
STAGES = ("train", "sample", "evaluate", "compare_steps")


class Setting(NamedTuple):
    """What every part is told. steps: that one repetition times."""

    device: torch.device
    dtype: torch.dtype
    steps: int
    project: Path

    def way(self, name: str, dtype: torch.dtype, work: Callable[[], object], **units: float) -> Way:
        """A way that has ended when the device has."""

        def finished() -> None:
            work()
            if self.device.type != "cpu":
                torch.accelerator.synchronize()

        kind = str(dtype).removeprefix("torch.")
        return Way(f"{name}, {kind}", finished, dtype=kind, **units)


def random_images(count: int) -> Tensor:
    """(count, 1, 28, 28), uint8."""
    g = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, *SHAPE), generator=g, dtype=torch.uint8)


def built(model: Model) -> tuple[degradations.Gaussian, nn.Module]:
    """The process, and the network with the same first weights at each call."""
    torch.manual_seed(0)
    process = degradations.build(model.degradation.model_dump())
    return process, network.build(model.network.model_dump())


def operations(model: Model, training: bool) -> float:
    """Floating point operations for one image, two a multiply-add: forward, and where training
    backward too. Counted as the network is defined, by sums over the kernel: products in the
    frequency domain need fewer, and may seem to exceed what the machine can do."""
    process, net = built(model)
    net = plain(net)
    x_0, t = torch.zeros(1, *SHAPE), torch.ones(1, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        value = loss(net, process, x_0, t, torch.zeros_like(x_0))
        if training:
            value.backward()
    return counter.get_total_flops()


def products(setting: Setting) -> list[Way]:
    """Products of square matrices, in our precision and in the reference's."""

    def product(dtype: torch.dtype) -> Way:
        a = torch.randn(PRODUCT, PRODUCT, device=setting.device).to(dtype)
        return setting.way("product", dtype, lambda: a @ a, flops=2 * PRODUCT**3)

    return [product(dtype) for dtype in dict.fromkeys((setting.dtype, torch.float32))]


def memory(setting: Setting) -> list[Way]:
    """A copy in the device's memory; the unit is a byte, read or written."""
    source = torch.ones(COPY, dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)
    return [setting.way("copy", source.dtype, lambda: target.copy_(source), units=2 * COPY)]


def training(model: Model, setting: Setting) -> list[Way]:
    """Steps of Algorithm 1; the unit is an image."""
    batch_size = read("training", Training).batch_size
    images = random_images(RESIDENT)
    resident = images.to(setting.device)[: setting.steps * batch_size]
    units = {"units": len(resident), "flops": operations(model, training=True)}

    def reference_way() -> Way:
        from benchmarks import reference

        process, net = built(model)
        net = plain(net).to(setting.device)
        optimizer = torch.optim.Adam(net.parameters(), model.learning_rate)
        source = reference.batches(images, batch_size)
        work = partial(
            reference.train_steps, net, optimizer, process, source, setting.steps, setting.device
        )
        return setting.way("reference", torch.float32, work, **units)

    def own_way(dtype: torch.dtype) -> Way:
        process, net = built(model)
        net = net.to(setting.device)
        optimizer = torch.optim.Adam(net.parameters(), model.learning_rate, fused=True)
        work = partial(
            train_epoch, net, optimizer, process, resident, batch_size, 0, 1, dtype, lambda: None
        )
        return setting.way("ours", dtype, work, **units)

    return [
        reference_way(),
        *(own_way(dtype) for dtype in dict.fromkeys((setting.dtype, torch.float32))),
        *products(setting),
    ]


def sampling(model: Model, setting: Setting) -> list[Way]:
    """DRAWN images; the unit is a step of the reverse process, of which one repetition takes
    setting.steps at most."""
    process, net = built(model)
    net, T = net.to(setting.device).eval(), process.T
    published = plain(copy.deepcopy(net))
    flops = operations(model, training=False) * DRAWN
    noise = Chunked([DRAWN], [generator(setting.device, 0, "speed")])
    x_T = noise.normal(torch.empty(DRAWN, *SHAPE, device=setting.device))

    def way(name: str, dtype: torch.dtype, steps: int, draw: Callable[..., object]) -> Way:
        timed = min(setting.steps, steps)
        # A process of as many steps, so that a loop over all of them is whole.
        shorter = degradations.Gaussian(process.alpha_bar[: timed + 1])
        work = partial(draw, shorter)
        return setting.way(f"{name}, {steps} steps", dtype, work, units=timed, whole=steps,
                           flops=flops)  # fmt: skip

    def reference_loop(shorter: degradations.Gaussian) -> None:
        from benchmarks import reference

        reference.sample(published, shorter, x_T)

    def own_loop(shorter: degradations.Gaussian, strided: bool) -> None:
        predict = samplers.predictor(net, T)
        with torch.inference_mode(), devices.autocast(setting.device, setting.dtype):
            if strided:
                samplers.sample_strided(predict, shorter, x_T, noise.normal, shorter.T)
            else:
                samplers.sample_ancestral(predict, shorter, x_T, noise.normal)

    def pipeline(shorter: degradations.Gaussian, strided: bool) -> None:
        from benchmarks import in_diffusers

        in_diffusers.draw(in_diffusers.pipeline(net, shorter, strided), DRAWN, shorter.T, 0)

    ways = [
        way("reference", torch.float32, T, reference_loop),
        way("ours ancestral", setting.dtype, T, partial(own_loop, strided=False)),
        way("diffusers DDPM", torch.float32, T, partial(pipeline, strided=False)),
    ]
    for steps in STRIDED:
        ways += [
            way("ours strided", setting.dtype, steps, partial(own_loop, strided=True)),
            way("diffusers DDIM", torch.float32, steps, partial(pipeline, strided=True)),
        ]
    return [*ways, *products(setting)]


def evaluation(setting: Setting) -> list[Way]:
    """Every score of SCORED images in the classifier's features, and their nearest images."""
    from diffusion.classifier import Classifier, classify
    from diffusion.metrics import generation as metrics
    from diffusion.metrics import scorer as scores

    params = read("evaluation", Evaluation)
    classifier = Classifier().to(setting.device)
    images, others = random_images(SCORED), random_images(OTHERS)
    real = {
        "features": classify(classifier, random_images(params.reference)).features,
        "frequencies": torch.full((10,), 0.1, dtype=torch.float64),
    }

    def score() -> None:
        outputs = classify(classifier, images)
        settings = (params.splits, params.neighbours, params.bootstrap, params.seed)
        scores.of_images(images, outputs, real, *settings, None)
        metrics.nearest(images, others)

    return [setting.way(f"scores of {SCORED} images", torch.float32, score)]


def commands(setting: Setting) -> list[Way]:
    """Starts of stages, and DVC where it has nothing to do; in processes of their own."""
    dvc = [sys.executable, "-m", "dvc"]
    typed = {f"start of {s}": [sys.executable, "-m", f"stages.{s}", "--help"] for s in STAGES}
    where = {"cwd": setting.project, "check": True, "capture_output": True}
    changed = json.loads(subprocess.run([*dvc, "status", "--json"], **where).stdout)
    if changed:
        print(f"{setting.project} is not up to date: dvc is left out", file=sys.stderr)
    else:
        typed |= {"dvc status": [*dvc, "status"], "dvc repro": [*dvc, "repro"]}
    return [
        Way(name, partial(subprocess.run, line, **where), command=tuple(line))
        for name, line in typed.items()
    ]


def parts(models: list[str]) -> dict[str, Callable[[Setting], list[Way]]]:
    """The parts by name, in the order of measurement."""
    found: dict[str, Callable[[Setting], list[Way]]] = {"memory": memory}
    for name in models:
        model = read(f"models.{name}", Model)
        if model.degradation.kind != "gaussian":
            raise UserError(f"{name} is an impulse model, must be a Gaussian one, as the reference")
        found |= {
            f"training {name}": partial(training, model),
            f"sampling {name}": partial(sampling, model),
        }
    return found | {"evaluation": evaluation, "commands": commands}


def table(rows: list[dict]) -> str:
    """A row a way. Shares are of the product in the same precision and part, measured in the same
    turns: what else the machine does slows both."""
    best = {
        (row["part"], row["dtype"]): row["gflops"]
        for row in rows
        if row["way"].startswith("product")
    }
    lines = [
        "| part | way | result | times the first | GFLOP/s | of a product | peak memory in GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        result = f"{row['cost']:.3g} s"
        compared = row["part"].startswith(("training", "sampling"))
        if row["way"].startswith("product"):
            compared = False
        elif row["part"].startswith("training"):
            result = f"{1 / row['cost']:.0f} images/s"
        elif row["way"].startswith("copy"):
            result = f"{1e-9 / row['cost']:.1f} GB/s, read and written"
        elif row["units"] < row["whole"]:
            result += f", from {row['units']} steps of {1000 * row['cost'] / row['whole']:.1f} ms"
        cells = (
            row["part"],
            row["way"],
            result,
            f"{row['ratio']:.2f}" if compared else "",
            f"{row['gflops']:.0f}" if row["gflops"] else "",
            f"{row['gflops'] / best[row['part'], row['dtype']]:.0%}" if row["gflops"] else "",
            f"{row['peak']:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, nargs="?", default=Path("scratch/bench"))
    parser.add_argument("--models", nargs="+", default=["model1", "model2"])
    parser.add_argument("--steps", type=int, default=5, help="that one repetition times")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--precision", default="auto", choices=["auto", *devices.PRECISIONS])
    parser.add_argument("--project", type=Path, default=ROOT, help="where dvc is timed")
    parser.add_argument("--once", nargs=2, metavar=("PART", "NUMBER"), help="run one way, untimed")
    arguments = parser.parse_args()
    device = devices.device()
    dtype = devices.precision(arguments.precision, device)
    setting = Setting(device, dtype, arguments.steps, arguments.project)
    building = parts(arguments.models)
    if arguments.once:
        part, number = arguments.once
        building[part](setting)[int(number)].run()
        return

    print(devices.describe(device, dtype), flush=True)
    rows = []
    for part, build in building.items():
        ways = build(setting)
        found = results(ways, interleaved(ways, arguments.repetitions))
        again = [sys.executable, "-m", "benchmarks.speed", *sys.argv[1:], "--once", part]
        for number, (way, row) in enumerate(zip(ways, found, strict=True)):
            if way.command:
                peak = peak_memory(way.command, setting.project)
            else:
                peak = peak_memory([*again, str(number)], Path.cwd())
            rows.append({"part": part, **row, "peak": peak})
            print(f"{part}, {row['way']}: {row['cost']:.4g} s", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    record = devices.record(device, dtype) | {"rows": rows}
    (arguments.output / "speed.json").write_text(json.dumps(record, indent=1) + "\n")
    text = table(rows)
    heading = f"{devices.describe(device, dtype)}, torch {torch.__version__}"
    (arguments.output / "speed.md").write_text(f"{heading}\n\n{text}")
    print(f"\n{text}\nwritten to {arguments.output}")


if __name__ == "__main__":
    run(main)

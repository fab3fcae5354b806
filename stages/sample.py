"""Draw images from the checkpoints of one model: python -m stages.sample model1

A Gaussian model generates: from noise, by Algorithm 2 (`ancestral`) or DDIM (`strided`).
An impulse model restores: it starts from images of which, at density 0.25, half of the pixels
survive. They are held-out ones (`start: validation`) or images it was trained on (`train`);
with `start: noise` every pixel is replaced and nothing of an image is left. Both cold
samplers, and a restoration in one step, begin at the same degraded images.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from stages.diffusion import checkpoints, data, degradations, devices, network, samplers
from stages.diffusion.randomness import Chunked, generator
from stages.errors import UserError, run
from stages.params.data import Data
from stages.params.reader import Seed, read
from stages.params.sampling import Sampling
from stages.params.training import Precision
from stages.progress import Progress

CHECKPOINTS = Path("results/models")
OUTPUT = Path("results/samples")
CHUNK = 100  # images that share a generator; part of the definition of the results
FILMED, FRAMES = 16, 41  # images whose way from x_T to x_0 is kept, and at how many steps

Watching = Callable[[str], samplers.Watch]  # name of the sampler -> what watches it


class Film:
    """States x_t of the first images of a batch on their way from T to 0, by sampler.

    `frames`: states of `images` images at about evenly spaced steps, the first and last included.
    """

    def __init__(self, T: int, images: int = FILMED, frames: int = FRAMES) -> None:
        self.due = [T * k / (frames - 1) for k in range(frames - 1, -1, -1)]
        self.images = images
        self.taken: dict[str, list[tuple[int, Tensor]]] = {}

    def take(self, sampler: str, t: int, x_t: Tensor) -> None:
        """Keep x_t where a frame is due, and was not taken at an earlier call."""
        taken = self.taken.setdefault(sampler, [])
        last = taken[-1][0] if taken else float("inf")
        if any(t <= due < last for due in self.due):
            taken.append((t, data.to_levels(x_t[: self.images]).cpu()))

    def save(self, path: Path) -> None:
        """One (frames, images, 1, 28, 28) uint8 tensor a sampler; its steps in the description."""
        tensors = {key: torch.stack([x for _, x in taken]) for key, taken in self.taken.items()}
        steps = {key: [t for t, _ in taken] for key, taken in self.taken.items()}
        checkpoints.save(path, tensors, {"steps": steps})


def chosen(folder: Path, epoch: int) -> dict[int, tuple[Path, list[str]]]:
    """epoch -> (file, roles) for every checkpoint; roles: 'epoch <n>' (the saved epoch nearest
    to the asked one), 'best', 'last', or none for one that only shows progress."""
    files = {
        checkpoints.load(path)[1]["epoch"]: path
        for path in [
            *(folder / f"{stem}.safetensors" for stem in ("best", "last")),
            *sorted(folder.glob("epoch_*.safetensors")),
        ]
    }
    nearest = min(files, key=lambda e: (abs(e - epoch), e))
    roles: dict[int, list[str]] = {e: [] for e in sorted(files)}
    roles[nearest].append(f"epoch {nearest}")
    for stem in ("best", "last"):
        roles[checkpoints.load(folder / f"{stem}.safetensors")[1]["epoch"]].append(stem)
    return {e: (files[e], roles[e]) for e in roles}


def sample_gaussian(
    predict: samplers.Predict,
    process: degradations.Gaussian,
    noise: Chunked,
    like: Tensor,
    params: Sampling,
    watch: Watching,
) -> dict[str, Tensor]:
    """Images from pure noise; like: (N, 1, 28, 28) gives the shape."""
    x_T, seen = noise.normal(like), watch(params.sampler)
    if params.sampler == "ancestral":
        x_0 = samplers.sample_ancestral(predict, process, x_T, noise.normal, seen)
    else:
        x_0 = samplers.sample_strided(
            predict, process, x_T, noise.normal, params.steps, params.eta, seen
        )
    return {params.sampler: x_0}


def sample_impulse(
    restore: samplers.Predict,
    process: degradations.Impulse,
    noise: Chunked,
    original: Tensor,
    start: str,
    watch: Watching,
) -> dict[str, Tensor]:
    """Restorations of original, (N, 1, 28, 28), by three ways from one degraded start."""
    u = noise.uniform(original)
    if start == "noise":
        degraded = torch.where(u < 0.5, process.high, process.low).to(original)
    else:
        degraded = process.degrade(original, u, process.T)
    sets = {
        "naive": samplers.sample_cold_naive(
            restore, process, degraded, noise.uniform, watch("naive")
        ),
        "improved": samplers.sample_cold_improved(restore, process, degraded, u, watch("improved")),
        "one_step": restore(degraded, process.T),
        "degraded": degraded,
    }
    return sets if start == "noise" else sets | {"original": original}


def draw(
    predict: samplers.Predict,
    process: degradations.Gaussian | degradations.Impulse,
    originals: Tensor,
    params: Sampling,
    stream: tuple[str | int, ...],
    advance: Callable[[], None],
    film: Film | None = None,
) -> dict[str, Tensor]:
    """Sets of len(originals) images, uint8, by name of the sampler; the report's one first.

    originals: (N, 1, 28, 28) pixels, which an impulse model restores; of a Gaussian model they
    give number, shape and device. Each chunk has a generator of its own, named by stream and
    its number, and batches are whole chunks: results do not depend on params.batch_size.
    `film` watches the first batch.
    """
    chunks = list(originals.split(CHUNK))
    at_once = max(1, params.batch_size // CHUNK)
    drawn: list[dict[str, Tensor]] = []
    for first in range(0, len(chunks), at_once):
        batch = chunks[first : first + at_once]
        numbers = range(first, first + len(batch))
        noise = Chunked(
            [len(chunk) for chunk in batch],
            [generator(originals.device, *stream, number) for number in numbers],
        )
        original = torch.cat(batch)
        filming = film if first == 0 else None

        def watch(sampler: str, filming: Film | None = filming) -> samplers.Watch:
            def seen(t: int, x_t: Tensor) -> None:
                if t < process.T:
                    advance()
                if filming:
                    filming.take(sampler, t, x_t)

            return seen

        if isinstance(process, degradations.Gaussian):
            sets = sample_gaussian(predict, process, noise, original, params, watch)
        else:
            sets = sample_impulse(predict, process, noise, original, params.start, watch)
        drawn.append({key: data.to_levels(x).cpu() for key, x in sets.items()})
    return {key: torch.cat([part[key] for part in drawn]) for key in drawn[0]}


def steps_of(
    process: degradations.Gaussian | degradations.Impulse, params: Sampling, count: int
) -> int:
    """Steps that `draw` will report for `count` images."""
    per_batch = max(1, params.batch_size // CHUNK) * CHUNK
    if isinstance(process, degradations.Impulse):
        steps = 2 * process.T  # the naive and the improved sampler
    else:
        steps = process.T if params.sampler == "ancestral" else params.steps
    return steps * math.ceil(count / per_batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a key of `models` in params.yaml")
    name = parser.parse_args().model
    seed = read("seed", Seed)
    params = read("sampling", Sampling)
    parts = read("data", Data)
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    if not (CHECKPOINTS / name / "last.safetensors").exists():
        raise UserError(f"there are no weights of '{name}' in {CHECKPOINTS}: dvc repro makes them")
    print(f"sample {name}: {devices.describe(device, dtype)}")

    everything = data.images("train")
    split = data.split(len(everything), parts.train, parts.held_out, parts.split_seed)
    source = split.train if params.start == "train" else split.held_out
    originals = data.to_pixels(everything[source[: params.images]]).to(device)
    folder = checkpoints.empty(OUTPUT / name)
    for epoch, (path, roles) in chosen(CHECKPOINTS / name, params.epoch).items():
        weights, description = checkpoints.load(path)
        process = degradations.build(description["degradation"])
        net = checkpoints.restore(network.build(description["network"]), weights, path).to(device)
        count = params.images if roles else min(params.progress_images, params.images)
        film = Film(process.T) if "best" in roles else None
        label = f"sample {name} epoch {epoch}"
        with (
            torch.inference_mode(),
            devices.autocast(device, dtype),
            Progress(label, steps_of(process, params, count)) as bar,
        ):
            sets = draw(
                samplers.predictor(net, process.T),
                process,
                originals[:count],
                params,
                (seed, "sample", name, epoch),
                bar.advance,
                film,
            )
        main_set = next(iter(sets))  # the sampler of the published report
        description |= {"roles": roles, "start": params.start, "main": main_set}
        checkpoints.save(folder / f"epoch_{epoch:03d}.safetensors", sets, description)
        if film:
            film.save(folder / "film.safetensors")
        print(f"{label}: {count} images ({', '.join(roles) or 'progress'})")


if __name__ == "__main__":
    run(main)

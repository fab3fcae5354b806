"""Draw images from the checkpoints of one model: python -m stages.sample model1

A Gaussian model generates: from noise, by Algorithm 2 (`ancestral`) or DDIM (`strided`).
A categorical model generates as well, from pure salt and pepper, by draws of grey levels
(`posterior`). Any other cold model restores: it starts from degraded images, of which, at an
impulse density of 0.25, half of the pixels survive. They are held-out ones
(`start: validation`) or images it was trained on (`train`); with `start: noise` every pixel is
replaced by an impulse and nothing of an image is left. Both cold samplers, and a restoration in
one step, begin at the same degraded images.

Which sampler a model is drawn by stands in results/samplers: see stages.check_params.

For a picture of your own number of fresh samples, see python -m tools.generate --help.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from diffusion.runtime.errors import UserError

# isort: split
import torch
from torch import Tensor

from diffusion import image_sets
from diffusion import mnist as data
from diffusion.mnist_params import Data
from diffusion.models import degradations, predictions, trained
from diffusion.runtime import checkpoints, devices, resume
from diffusion.runtime import cli as arguments
from diffusion.runtime import distributed as parallel
from diffusion.runtime import launch as processes
from diffusion.runtime.params import Count, Seed, read, validate
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import CHUNK, Chunked, generator
from diffusion.sampling import samplers
from diffusion.sampling.params import Ancestral, Cold, Posterior, Sampler, Strided
from diffusion.training.params import Precision

CHECKPOINTS = Path("results/models")
SAMPLERS = Path("results/samplers")
OUTPUT = Path("results/samples")
FILMED, FRAMES = 16, 41  # images whose way from x_T to x_0 is kept, and at how many steps

Watching = Callable[[str], samplers.Watch]  # name of the sampler -> what watches it
Sets = dict[str, Tensor]  # name of the sampler -> (N, 1, 28, 28), uint8
Keep = Callable[[int, Callable[[], Sets]], Sets]  # (a batch's first chunk, what makes it) -> it


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
        """One (frames, images, 1, 28, 28) set a sampler; its steps in the description."""
        films = {key: torch.stack([x for _, x in taken]) for key, taken in self.taken.items()}
        steps = {key: [t for t, _ in taken] for key, taken in self.taken.items()}
        image_sets.save(path, films, {"steps": steps})


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
    sampler: Ancestral | Strided,
    watch: Watching,
) -> Sets:
    """Images from pure noise; like: (N, 1, 28, 28) gives the shape."""
    x_T, seen = noise.normal(like), watch(sampler.kind)
    if sampler.kind == "ancestral":
        x_0 = samplers.sample_ancestral(predict, process, x_T, noise.normal, seen)
    else:
        x_0 = samplers.sample_strided(
            predict, process, x_T, noise.normal, sampler.steps, sampler.eta, seen
        )
    return {sampler.kind: x_0}


def sample_categorical(
    predict: samplers.Predict,
    process: degradations.GreyImpulse,
    noise: Chunked,
    like: Tensor,
    sampler: Posterior,
    watch: Watching,
) -> Sets:
    """Images from pure salt and pepper; like: (N, 1, 28, 28) gives the shape."""
    x_T = process.degrade(like, noise.uniform(like), process.T)
    x_0 = samplers.sample_categorical(
        predict, process, x_T, noise.uniform, sampler.steps, sampler.eta, watch("posterior")
    )
    return {"posterior": x_0}


def sample_cold(
    restore: samplers.Predict,
    process: degradations.Cold,
    noise: Chunked,
    original: Tensor,
    start: str,
    watch: Watching,
) -> Sets:
    """Restorations of original, (N, 1, 28, 28), by three ways from one degraded start."""
    u = noise.uniform(original)
    from_noise = start == "noise" and isinstance(process, degradations.Impulse)
    if from_noise:
        degraded = torch.where(u < 0.5, data.HIGH, data.LOW).to(original)
    else:
        degraded = process.degrade(original, u, process.T)
    sets = {
        "naive": samplers.sample_cold_naive(
            restore, process, degraded, u, noise.uniform, watch("naive")
        ),
        "improved": samplers.sample_cold_improved(restore, process, degraded, u, watch("improved")),
        "one_step": restore(degraded, process.T),
        "degraded": degraded,
    }
    return sets if from_noise else sets | {"original": original}


def sampler_of(name: str) -> Sampler:
    """By what images of a model are drawn. Raises UserError where stages.check_params has not
    said it."""
    path = SAMPLERS / f"{name}.json"
    if not path.exists():
        raise UserError(f"{path} is missing: dvc repro makes it")
    return validate(json.loads(path.read_text()), Sampler, path)


def at_once(batch_size: int) -> int:
    """Chunks in a batch."""
    return max(1, batch_size // CHUNK)


def draw_batch(
    predict: samplers.Predict,
    process: degradations.Process,
    chunks: tuple[Tensor, ...],
    first: int,
    sampler: Sampler,
    stream: tuple[Any, ...],
    advance: Callable[[], None],
    film: Film | None,
) -> Sets:
    """Sets of the images of some chunks, of which the first has the number `first`."""
    device, (seed, *name) = chunks[0].device, stream
    noise = Chunked(
        [len(chunk) for chunk in chunks],
        [generator(device, seed, *name, first + k) for k in range(len(chunks))],
    )
    original = torch.cat(chunks)

    def watch(sampler: str) -> samplers.Watch:
        def seen(t: int, x_t: Tensor) -> None:
            if t < process.T:
                advance()
            if film:
                film.take(sampler, t, x_t)

        return seen

    if isinstance(process, degradations.Gaussian) and isinstance(sampler, Ancestral | Strided):
        sets = sample_gaussian(predict, process, noise, original, sampler, watch)
    elif isinstance(process, degradations.GreyImpulse) and isinstance(sampler, Posterior):
        sets = sample_categorical(predict, process, noise, original, sampler, watch)
    elif degradations.restores(process) and isinstance(sampler, Cold):
        sets = sample_cold(predict, process, noise, original, sampler.start, watch)
    else:
        raise UserError(
            f"the sampler is '{sampler.kind}', which the weights are not for: dvc repro makes "
            f"{SAMPLERS} and weights of the same params.yaml"
        )
    return {key: data.to_levels(x).cpu() for key, x in sets.items()}


def draw(
    predict: samplers.Predict,
    process: degradations.Process,
    originals: Tensor,
    sampler: Sampler,
    batch_size: int,
    stream: tuple[Any, ...],
    advance: Callable[[], None],
    film: Film | None = None,
    keep: Keep = lambda first, make: make(),
) -> Sets:
    """Sets of len(originals) images by name of the sampler; the report's one first.

    originals: (N, 1, 28, 28) pixels, which an impulse model restores; of a Gaussian model they
    give number, shape and device. Each chunk has a generator of its own, named by stream and
    its number, and batches are whole chunks: results do not depend on batch_size, nor on the
    number of processes, which take batches in turn. `film` watches the first batch. `keep` may
    know a batch already.
    """
    chunks = originals.split(CHUNK)
    batches = range(0, len(chunks), at_once(batch_size))
    drawn = {}
    for first in batches[parallel.rank() :: parallel.size()]:
        batch, filming = chunks[first : first + at_once(batch_size)], None if first else film
        given = (predict, process, batch, first, sampler, stream, advance, filming)
        make = partial(draw_batch, *given)
        drawn[first] = keep(first, make)
    drawn = parallel.together(drawn)
    return {key: torch.cat([drawn[first][key] for first in batches]) for key in drawn[0]}


def steps_of(process: degradations.Process, sampler: Sampler, batch_size: int, count: int) -> int:
    """Steps that `draw` will report in the first process for `count` images."""
    if isinstance(sampler, Cold):
        steps = 2 * process.T  # the naive and the improved one
    else:
        steps = process.T if isinstance(sampler, Ancestral) else sampler.steps
    return steps * math.ceil(count / (at_once(batch_size) * CHUNK * parallel.size()))


def keep_batch(
    work: resume.Work, name: str, film: Film | None, first: int, make: Callable[[], Sets]
) -> Sets:
    """A batch of an earlier process, or else a new one. The film, which the first batch makes,
    is on disk before that batch counts as finished."""

    def with_film() -> Sets:
        sets = make()
        if film and first == 0:
            film.save(work.files / "film.npz")
        return sets

    return work.once(f"{name}{first:05d}", with_film)


def originals(sampler: Sampler, count: int) -> Tensor:
    """The images that a cold model restores, (count, 1, 28, 28) pixels; of any other they give
    number and shape."""
    parts = read("data", Data)
    everything = data.images("train")
    split = data.split(len(everything), parts.train, parts.held_out, parts.split_seed)
    training = isinstance(sampler, Cold) and sampler.start == "train"
    return data.to_pixels(everything[(split.train if training else split.held_out)[:count]])


def main() -> None:
    name = arguments.model(__doc__, "sample")
    seed = read("seed", Seed)
    images = read("sampling.images", Count)
    progress_images = read("sampling.progress_images", Count)
    batch_size = read("sampling.batch_size", Count)
    sampler = sampler_of(name)
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    if not (CHECKPOINTS / name / "last.safetensors").exists():
        raise UserError(f"there are no weights of '{name}' in {CHECKPOINTS}: dvc repro makes them")
    print(f"sample {name}: {devices.describe(device, dtype)}")

    x_0 = originals(sampler, images)
    found = chosen(CHECKPOINTS / name, read("sampling.epoch", Count))
    settings = {
        "seed": seed,
        "sampler": sampler.model_dump(),
        "batch_size": batch_size,
        "progress_images": progress_images,
        "device": devices.record(device, dtype),
    }
    given = [path for path, _ in found.values()]
    with resume.Work("sample", name, resume.key(settings, x_0, *given)) as work:
        x_0 = x_0.to(device)
        for epoch, (path, roles) in found.items():
            net, process, description = trained.load(path, device)
            prediction = predictions.of(process, description)
            count = images if roles else min(progress_images, images)
            film = Film(process.T) if "best" in roles else None
            label, batches = f"sample {name} epoch {epoch}", f"epoch_{epoch:03d}_chunk_"
            finished = min(count, work.count(batches) * at_once(batch_size) * CHUNK)
            if finished:
                print(f"{label}: goes on after {finished} of {count} images", flush=True)
            keep = partial(keep_batch, work, batches, film)
            with (
                torch.inference_mode(),
                devices.autocast(device, dtype),
                Progress(
                    label,
                    steps_of(process, sampler, batch_size, count),
                    done=steps_of(process, sampler, batch_size, finished),
                ) as bar,
            ):
                sets = draw(
                    samplers.answers(net, process, prediction),
                    process,
                    x_0[:count],
                    sampler,
                    batch_size,
                    (seed, "sample", name, epoch),
                    bar.advance,
                    film,
                    keep,
                )
            main_set = next(iter(sets))  # the sampler of the published report
            description |= {"roles": roles, "main": main_set} | sampler.model_dump(exclude={"kind"})
            if parallel.rank() == 0:
                image_sets.save(work.files / f"epoch_{epoch:03d}.npz", sets, description)
            print(f"{label}: {count} images ({', '.join(roles) or 'progress'})", flush=True)
        work.publish(OUTPUT / name)


if __name__ == "__main__":
    processes.run(main)

"""Draw images from the checkpoints of one model: python -m stages.sample model1

A Gaussian model generates: from noise, by Algorithm 2 (`ancestral`) or DDIM (`strided`).
A categorical model generates as well, from pure salt and pepper, by draws of grey levels
(`posterior`). Any other cold model restores: it starts from degraded images, of which, at an
impulse density of 0.25, half of the pixels survive. They are held-out ones
(`start: validation`) or images it was trained on (`train`); with `start: noise` every pixel is
replaced by an impulse and nothing of an image is left. Both cold samplers, and a restoration in
one step, begin at the same degraded images.

A model that names a `sampler` of its own in params.yaml is sampled by that one.

For a picture of your own number of fresh samples, see python -m tools.generate --help.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from stages.errors import UserError

# isort: split
import torch
from torch import Tensor

from stages import arguments, processes, resume
from stages.diffusion import (
    checkpoints,
    data,
    degradations,
    devices,
    parallel,
    predictions,
    samplers,
    trained,
)
from stages.diffusion.randomness import CHUNK, Chunked, generator
from stages.params.data import Data
from stages.params.reader import Seed, read
from stages.params.sampling import Sampling
from stages.params.training import Precision
from stages.progress import Progress

CHECKPOINTS = Path("results/models")
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
) -> Sets:
    """Images from pure noise; like: (N, 1, 28, 28) gives the shape."""
    x_T, seen = noise.normal(like), watch(params.sampler)
    if params.sampler == "ancestral":
        x_0 = samplers.sample_ancestral(predict, process, x_T, noise.normal, seen)
    else:
        x_0 = samplers.sample_strided(
            predict, process, x_T, noise.normal, params.steps, params.eta, seen
        )
    return {params.sampler: x_0}


def sample_categorical(
    predict: samplers.Predict,
    process: degradations.GreyImpulse,
    noise: Chunked,
    like: Tensor,
    params: Sampling,
    watch: Watching,
) -> Sets:
    """Images from pure salt and pepper; like: (N, 1, 28, 28) gives the shape."""
    x_T = process.degrade(like, noise.uniform(like), process.T)
    x_0 = samplers.sample_categorical(
        predict, process, x_T, noise.uniform, params.steps, params.eta, watch("posterior")
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
            restore, process, degraded, noise.uniform, watch("naive")
        ),
        "improved": samplers.sample_cold_improved(restore, process, degraded, u, watch("improved")),
        "one_step": restore(degraded, process.T),
        "degraded": degraded,
    }
    return sets if from_noise else sets | {"original": original}


def own(
    params: Sampling, process: degradations.Process, sampler: dict[str, Any] | None
) -> Sampling:
    """The section `sampling` with what a model says of its own sampler in its place.

    sampler: a block `sampler` of params.yaml. A categorical model has no other sampler than the
    posterior, over all of its steps where it says nothing.
    """
    if isinstance(process, degradations.GreyImpulse):
        sampler = {"steps": process.T, "eta": 0.0} | (sampler or {}) | {"kind": "posterior"}
    renamed = {"sampler" if key == "kind" else key: x for key, x in (sampler or {}).items()}
    return params.model_copy(update=renamed)


def at_once(params: Sampling) -> int:
    """Chunks in a batch."""
    return max(1, params.batch_size // CHUNK)


def draw_batch(
    predict: samplers.Predict,
    process: degradations.Process,
    chunks: tuple[Tensor, ...],
    first: int,
    params: Sampling,
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

    if isinstance(process, degradations.Gaussian):
        sets = sample_gaussian(predict, process, noise, original, params, watch)
    elif isinstance(process, degradations.GreyImpulse):
        sets = sample_categorical(predict, process, noise, original, params, watch)
    else:
        sets = sample_cold(predict, process, noise, original, params.start, watch)
    return {key: data.to_levels(x).cpu() for key, x in sets.items()}


def draw(
    predict: samplers.Predict,
    process: degradations.Process,
    originals: Tensor,
    params: Sampling,
    stream: tuple[Any, ...],
    advance: Callable[[], None],
    film: Film | None = None,
    keep: Keep = lambda first, make: make(),
) -> Sets:
    """Sets of len(originals) images by name of the sampler; the report's one first.

    originals: (N, 1, 28, 28) pixels, which an impulse model restores; of a Gaussian model they
    give number, shape and device. Each chunk has a generator of its own, named by stream and
    its number, and batches are whole chunks: results do not depend on params.batch_size, nor on
    the number of processes, which take batches in turn. `film` watches the first batch. `keep`
    may know a batch already.
    """
    chunks = originals.split(CHUNK)
    batches = range(0, len(chunks), at_once(params))
    drawn = {}
    for first in batches[parallel.rank() :: parallel.size()]:
        batch, filming = chunks[first : first + at_once(params)], None if first else film
        make = partial(draw_batch, predict, process, batch, first, params, stream, advance, filming)
        drawn[first] = keep(first, make)
    drawn = parallel.together(drawn)
    return {key: torch.cat([drawn[first][key] for first in batches]) for key in drawn[0]}


def steps_of(process: degradations.Process, params: Sampling, count: int) -> int:
    """Steps that `draw` will report in the first process for `count` images."""
    if degradations.restores(process):
        steps = 2 * process.T  # the naive and the improved sampler
    else:
        steps = process.T if params.sampler == "ancestral" else params.steps
    return steps * math.ceil(count / (at_once(params) * CHUNK * parallel.size()))


def keep_batch(
    work: resume.Work, name: str, film: Film | None, first: int, make: Callable[[], Sets]
) -> Sets:
    """A batch of an earlier process, or else a new one. The film, which the first batch makes,
    is on disk before that batch counts as finished."""

    def with_film() -> Sets:
        sets = make()
        if film and first == 0:
            film.save(work.files / "film.safetensors")
        return sets

    return work.once(f"{name}{first:05d}", with_film)


def main() -> None:
    name = arguments.model(__doc__, "sample")
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
    originals = data.to_pixels(everything[source[: params.images]])
    found = chosen(CHECKPOINTS / name, params.epoch)
    settings = {
        "seed": seed,
        "sampling": params.model_dump(),
        "device": devices.record(device, dtype),
    }
    given = [path for path, _ in found.values()]
    with resume.Work("sample", name, resume.key(settings, originals, *given)) as work:
        originals = originals.to(device)
        for epoch, (path, roles) in found.items():
            net, process, description = trained.load(path, device)
            way = own(params, process, description.get("sampler"))
            prediction = predictions.of(process, description)
            count = params.images if roles else min(params.progress_images, params.images)
            film = Film(process.T) if "best" in roles else None
            label, batches = f"sample {name} epoch {epoch}", f"epoch_{epoch:03d}_chunk_"
            finished = min(count, work.count(batches) * at_once(params) * CHUNK)
            if finished:
                print(f"{label}: goes on after {finished} of {count} images", flush=True)
            keep = partial(keep_batch, work, batches, film)
            with (
                torch.inference_mode(),
                devices.autocast(device, dtype),
                Progress(
                    label,
                    steps_of(process, way, count),
                    done=steps_of(process, way, finished),
                ) as bar,
            ):
                sets = draw(
                    samplers.answers(net, process, prediction),
                    process,
                    originals[:count],
                    way,
                    (seed, "sample", name, epoch),
                    bar.advance,
                    film,
                    keep,
                )
            main_set = next(iter(sets))  # the sampler of the published report
            description |= {"roles": roles, "start": params.start, "main": main_set}
            if main_set in ("strided", "posterior"):
                description["steps"] = way.steps
            if parallel.rank() == 0:
                target = work.files / f"epoch_{epoch:03d}.safetensors"
                checkpoints.save(target, sets, description)
            print(f"{label}: {count} images ({', '.join(roles) or 'progress'})", flush=True)
        work.publish(OUTPUT / name)


if __name__ == "__main__":
    processes.run(main)

"""Draw images from the checkpoints of one model: python -m stages.sample model1

How is set by the model's block `sampler`; a model with labels draws each digit in turn. For a
picture of any number of new images, see hotcold generate --help.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from hotcold import samples_file
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models.model import DiffusionModel
from hotcold.numerics import checkpoints, devices, distributed
from hotcold.numerics.pixels import SIDE, to_pixels
from hotcold.numerics.rng import CHUNK, Stream
from hotcold.runs import launch, resume
from hotcold.runs.progress import Progress
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import Precision, Seed, read
from hotcold.sampling.bases import SamplerParams
from hotcold.sampling.draw import Compute, DrawOptions, draw, labels_in_turn
from hotcold.sampling.film import Film
from hotcold.sampling.params import Sampler, SamplingParams
from hotcold.sampling.predictors import Sets


def checkpoint_roles(folder: Path, epoch: int) -> dict[int, tuple[Path, list[str]]]:
    """epoch -> (file, roles) for every checkpoint in a folder.

    roles: `early` (the saved epoch nearest to the argument), `best` and `last`, or none for a
    checkpoint that only shows progress.
    """
    best_and_last = [folder / "best.safetensors", folder / "last.safetensors"]
    epochs = {
        path: checkpoints.load(path)[1]["epoch"]
        for path in (*best_and_last, *sorted(folder.glob("epoch_*.safetensors")))
    }
    files = {number: path for path, number in epochs.items()}
    nearest = min(files, key=lambda number: (abs(number - epoch), number))
    roles: dict[int, list[str]] = {number: [] for number in sorted(files)}
    roles[nearest].append("early")
    for path in best_and_last:
        roles[epochs[path]].append(path.stem)
    return {number: (files[number], found) for number, found in roles.items()}


def originals(sampler: SamplerParams, count: int) -> Tensor:
    """The images that a cold model restores, (count, 1, 28, 28) pixels; for any other model they
    only define number and shape."""
    data = read("data", DataParams)
    images = mnist.images("train")
    split = mnist.split(len(images), data)
    chosen = split.train if sampler.from_training else split.held_out
    return to_pixels(images[chosen[:count]])


def cached_batch(
    run: resume.ResumableRun, prefix: str, film: Film | None, first: int, compute: Compute
) -> Sets:
    """A batch that an earlier run saved, or else a new one, saved; the film, which the first batch
    makes, before it."""

    def with_film() -> Sets:
        sets = compute()
        if film and first == 0:
            states, steps = film.states()
            samples_file.save(run.outputs / "film.npz", states, {"steps": steps})
        return sets

    return run.cached(f"{prefix}{first:05d}", with_film)


def each_class(
    model: DiffusionModel, sampler: SamplerParams, guidance: float, stream: Stream
) -> Tensor:
    """One image of each class, (classes, 1, 28, 28) uint8; any guidance has the same noise."""
    shapes = torch.zeros(model.classes, 1, SIDE, SIDE, device=model.device)
    guided = sampler.model_copy(update={"guidance": guidance, "guidance_interval": None})
    return draw(model, shapes, guided, stream)[sampler.main_set]


@stage("sample", __doc__)
def main(name: str) -> None:
    params = read("sampling", SamplingParams)
    seed = params.noise_seed(read("seed", Seed))
    own = read(f"models.{name}.sampler", Sampler)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    batch_size = devices.batch_size(device)
    if not paths.weights(name, "last").exists():
        raise UserError(f"there are no weights of '{name}' in {paths.MODELS}: run dvc repro")
    print(f"sample {name}: {devices.describe(device, dtype)}")

    x_0 = originals(own, params.images)
    roles_by_epoch = checkpoint_roles(paths.MODELS / name, params.epoch)
    settings = {
        "seed": seed,
        "sampler": own.model_dump(),
        "batch_size": batch_size,
        "progress_images": params.progress_images,
        "guidances": params.guidances,
        "device": devices.record(device, dtype),
    }
    key = resume.key(settings, x_0, *(path for path, _ in roles_by_epoch.values()))
    with resume.ResumableRun("sample", name, key) as run:
        x_0 = x_0.to(device)
        for epoch, (path, roles) in roles_by_epoch.items():
            model, sampler = DiffusionModel.load(path, device), own.at(epoch)
            count = params.images if roles else min(params.progress_images, params.images)
            film = Film(model.process.T) if "best" in roles else None
            label, prefix = f"sample {name} epoch {epoch}", f"epoch_{epoch:03d}_chunk_"
            cached = partial(cached_batch, run, prefix, film)
            options = DrawOptions(dtype, batch_size, film=film, cached=cached)
            done = min(count, run.count(prefix) * options.chunks(count) * CHUNK)
            if done:
                print(f"{label}: continues after {done} of {count} images", flush=True)
            labels = labels_in_turn(count, model.classes) if model.classes else None
            steps = partial(options.steps, sampler, model.process.T)
            stream = Stream(seed, "sample", name, epoch)
            with Progress(label, steps(count), done=steps(done)) as bar:
                options = replace(options, advance=bar.advance)
                sets = draw(model, x_0[:count], sampler, stream, options, labels)
            description = {
                "model": name,
                "epoch": epoch,
                "validation_loss": model.description["validation_loss"],
                "roles": roles,
                "sampler": sampler.model_dump(),
                "main": sampler.main_set,
            }
            if labels is not None:
                description["labels"] = labels.tolist()
            by_guidance = {
                f"{scale:g}": each_class(model, sampler, scale, stream)
                for scale in (params.guidances if model.classes and "best" in roles else ())
            }
            if distributed.is_rank_zero():
                if by_guidance:
                    samples_file.save(run.outputs / "guidance.npz", by_guidance, {"model": name})
                samples_file.save(run.outputs / f"epoch_{epoch:03d}.npz", sets, description)
            print(f"{label}: {count} images ({', '.join(roles) or 'progress'})", flush=True)
        run.commit({run.outputs: paths.SAMPLES / name})


if __name__ == "__main__":
    launch.run(main)

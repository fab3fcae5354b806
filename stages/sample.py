"""Draw images from the checkpoints of one model: python -m stages.sample model1

A Gaussian model generates: from noise, by Algorithm 2 (`ancestral`) or DDIM (`strided`).
An impulse model restores: it starts from images of which, at density 0.25, half of the pixels
survive. They are held-out ones (`start: validation`) or images it was trained on (`train`);
with `start: noise` every pixel is replaced and nothing of an image is left. Both cold
samplers, and a restoration in one step, begin at the same degraded images.
"""

from __future__ import annotations

import argparse
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
    watch: samplers.Watch,
) -> dict[str, Tensor]:
    """Images from pure noise; like: (N, 1, 28, 28) gives the shape."""
    x_T = noise.normal(like)
    if params.sampler == "ancestral":
        x_0 = samplers.sample_ancestral(predict, process, x_T, noise.normal, watch)
    else:
        x_0 = samplers.sample_strided(
            predict, process, x_T, noise.normal, params.steps, params.eta, watch
        )
    return {params.sampler: x_0}


def sample_impulse(
    restore: samplers.Predict,
    process: degradations.Impulse,
    noise: Chunked,
    original: Tensor,
    start: str,
    watch: samplers.Watch,
) -> dict[str, Tensor]:
    """Restorations of original, (N, 1, 28, 28), by three ways from one degraded start."""
    u = noise.uniform(original)
    if start == "noise":
        degraded = torch.where(u < 0.5, process.high, process.low).to(original)
    else:
        degraded = process.degrade(original, u, process.T)
    sets = {
        "naive": samplers.sample_cold_naive(restore, process, degraded, noise.uniform, watch),
        "improved": samplers.sample_cold_improved(restore, process, degraded, u, watch),
        "one_step": restore(degraded, process.T),
        "degraded": degraded,
    }
    return sets if start == "noise" else sets | {"original": original}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a key of `models` in params.yaml")
    name = parser.parse_args().model
    seed = read("seed", Seed)
    params = read("sampling", Sampling)
    parts = read("data", Data)
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    print(f"sample {name}: {devices.describe(device, dtype)}")
    if not (CHECKPOINTS / name / "last.safetensors").exists():
        raise UserError(f"no weights in {CHECKPOINTS / name}: run dvc repro train@{name}")

    everything = data.images("train")
    split = data.split(len(everything), parts.train, parts.held_out, parts.split_seed)
    source = split.train if params.start == "train" else split.held_out
    originals = data.to_pixels(everything[source[: params.images]])
    folder = OUTPUT / name
    folder.mkdir(parents=True, exist_ok=True)
    for epoch, (path, roles) in chosen(CHECKPOINTS / name, params.epoch).items():
        weights, description = checkpoints.load(path)
        process = degradations.build(description["degradation"])
        net = checkpoints.restore(network.build(description["network"]), weights, path).to(device)
        predict = samplers.predictor(net, process.T)
        count = params.images if roles else min(params.progress_images, params.images)
        # Whole chunks, so that a chunk's numbers never depend on the batch it is worked on in.
        firsts = range(0, count, CHUNK)
        at_once = max(1, params.batch_size // CHUNK)
        if isinstance(process, degradations.Impulse):
            steps = 2 * process.T
        else:
            steps = process.T if params.sampler == "ancestral" else params.steps
        batches = [firsts[i : i + at_once] for i in range(0, len(firsts), at_once)]
        drawn: list[dict[str, Tensor]] = []
        label = f"sample {name} epoch {epoch}"
        with (
            torch.inference_mode(),
            devices.autocast(device, dtype),
            Progress(label, steps * len(batches)) as bar,
        ):
            for batch in batches:
                noise = Chunked(
                    [min(CHUNK, count - first) for first in batch],
                    [generator(device, seed, "sample", name, epoch, i // CHUNK) for i in batch],
                )
                original = originals[batch[0] : min(batch[-1] + CHUNK, count)].to(device)
                if isinstance(process, degradations.Gaussian):
                    sets = sample_gaussian(
                        predict, process, noise, original, params, lambda t, x: bar.advance()
                    )
                else:
                    sets = sample_impulse(
                        predict,
                        process,
                        noise,
                        original,
                        params.start,
                        lambda t, x: bar.advance(),
                    )
                drawn.append({key: data.to_levels(x) for key, x in sets.items()})
        tensors = {key: torch.cat([part[key] for part in drawn]) for key in drawn[0]}
        metadata = description | {
            "roles": roles,
            "start": params.start,
            "main": next(iter(tensors)),
        }
        checkpoints.save(folder / f"epoch_{epoch:03d}.safetensors", tensors, metadata)
        print(f"{label}: {count} images ({', '.join(roles) or 'progress'})")


if __name__ == "__main__":
    run(main)

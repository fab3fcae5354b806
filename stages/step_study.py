"""Score strided sampling by steps and eta, best checkpoint: python -m stages.step_study model1

results/steps/<model>.json is a list, one entry for each pair of `step_study`:
{"steps": 50, "eta": 0.0, "images": 24, "is": ..., "is_below": ..., "is_above": ..., "fid": ...,
"fid_below": ..., "fid_above": ..., and the other scores of diffusion.metrics.scorer}.
The images start from the noise that stages.sample starts from, so that its ancestral ones are
those to compare with. A categorical model is sampled by draws of grey levels with the same steps
and etas. Any other cold model is restored over all of its steps by both cold samplers, neither of
which skips any: its list is empty.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from diffusion.runtime.errors import run

# isort: split
import torch
from torch import Tensor

from diffusion.classifier import Classifier, classify
from diffusion.metrics import scorer as scores
from diffusion.metrics.params import Evaluation
from diffusion.metrics.step_study_params import StepStudy
from diffusion.mnist import to_levels
from diffusion.models import cnn as network
from diffusion.models import degradations, predictions, trained
from diffusion.runtime import checkpoints, devices
from diffusion.runtime import cli as arguments
from diffusion.runtime.files import write
from diffusion.runtime.params import Count, Seed, read
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import CHUNK, Chunked, generator
from diffusion.sampling import samplers
from diffusion.training.params import Precision

CHECKPOINTS = Path("results/models")
OUTPUT = Path("results/steps")


def draw(
    predict: samplers.Predict,
    process: degradations.Process,
    shapes: tuple[Tensor, ...],
    stream: tuple[Any, ...],
    steps: int,
    eta: float,
) -> Tensor:
    """Images of the numbers and the device that `shapes` have, (N, 1, 28, 28) uint8."""
    seed, *name = stream
    drawn = []
    for number, like in enumerate(shapes):
        noise = Chunked([len(like)], [generator(like.device, seed, *name, number)])
        if isinstance(process, degradations.Gaussian):
            x_T = noise.normal(like)
            x_0 = samplers.sample_strided(predict, process, x_T, noise.normal, steps, eta)
        elif isinstance(process, degradations.GreyImpulse):
            x_T = process.degrade(like, noise.uniform(like), process.T)
            x_0 = samplers.sample_categorical(predict, process, x_T, noise.uniform, steps, eta)
        drawn.append(x_0)
    return to_levels(torch.cat(drawn)).cpu()


def main() -> None:
    name = arguments.model(__doc__, "compare_steps")
    seed = read("seed", Seed)
    study = read("step_study", StepStudy)
    count = read("sampling.images", Count)
    params = read("evaluation", Evaluation)
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    path = CHECKPOINTS / name / "best.safetensors"
    net, process, description = trained.load(path, device)
    path = Path("results/classifier/classifier.safetensors")
    classifier = checkpoints.restore(Classifier(), checkpoints.load(path)[0], path).to(device)
    reference, _ = checkpoints.load(Path("results/reference/features.safetensors"))
    print(f"compare_steps {name}: {devices.describe(device, dtype)}")

    results = []
    if not degradations.restores(process):
        pairs = list(itertools.product(study.steps, study.etas))
        shapes = torch.zeros(count, 1, network.SIDE, network.SIDE, device=device).split(CHUNK)
        predict = samplers.answers(net, process, predictions.of(process, description))
        stream = (seed, "sample", name, description["epoch"])
        with Progress(f"compare_steps {name}", sum(steps for steps, _ in pairs)) as bar:
            for steps, eta in pairs:
                with torch.inference_mode(), devices.autocast(device, dtype):
                    images = draw(predict, process, shapes, stream, steps, eta)
                result = scores.of_images(
                    images,
                    classify(classifier, images),
                    reference,
                    params.splits,
                    params.neighbours,
                    params.bootstrap,
                    params.seed,
                    None,
                )
                results.append({"steps": steps, "eta": eta, **result})
                bar.advance(steps)
                bar.note(
                    f"compare_steps {name}: {steps} steps, eta {eta}: "
                    f"IS {result['is']:.2f}, FID {result['fid']:.1f}"
                )
    write(OUTPUT / f"{name}.json", (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    run(main)

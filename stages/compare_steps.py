"""Score strided sampling by steps and eta, best checkpoint: python -m stages.compare_steps model1

results/steps/<model>.json is a list, one entry for each pair of `step_study`:
{"steps": 50, "eta": 0.0, "images": 24, "is": ..., "is_below": ..., "is_above": ..., "fid": ...,
"fid_below": ..., "fid_above": ..., and the other scores of stages.diffusion.scores}.
The images start from the noise that stages.sample starts from, so that its ancestral ones are
those to compare with. An impulse model is restored over all of its steps by both cold samplers,
neither of which skips any: its list is empty.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import torch

from stages.diffusion import checkpoints, degradations, devices, network, samplers, scores
from stages.diffusion.classifier import Classifier, classify
from stages.diffusion.data import to_levels
from stages.diffusion.randomness import Chunked, generator
from stages.errors import run
from stages.params.evaluation import Evaluation
from stages.params.reader import Count, Seed, read
from stages.params.step_study import StepStudy
from stages.params.training import Precision
from stages.progress import Progress

CHECKPOINTS = Path("results/models")
OUTPUT = Path("results/steps")
CHUNK = 100  # images that share a generator, as in stages.sample: the same noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a key of `models` in params.yaml")
    name = parser.parse_args().model
    seed = read("seed", Seed)
    study = read("step_study", StepStudy)
    count = read("sampling.images", Count)
    params = read("evaluation", Evaluation)
    device = devices.device()
    dtype = devices.precision(read("training.precision", Precision), device)
    path = CHECKPOINTS / name / "best.safetensors"
    weights, description = checkpoints.load(path)
    process = degradations.build(description["degradation"])
    net = checkpoints.restore(network.build(description["network"]), weights, path).to(device)
    path = Path("results/classifier/classifier.safetensors")
    classifier = checkpoints.restore(Classifier(), checkpoints.load(path)[0], path).to(device)
    reference, _ = checkpoints.load(Path("results/reference/features.safetensors"))
    print(f"compare_steps {name}: {devices.describe(device, dtype)}")

    gaussian = isinstance(process, degradations.Gaussian)
    pairs = list(itertools.product(study.steps, study.etas)) if gaussian else []
    shapes = torch.empty(count, 1, network.SIDE, network.SIDE, device=device).split(CHUNK)
    predict = samplers.predictor(net, process.T)
    results = []
    total = sum(steps for steps, _ in pairs) * len(shapes)
    with torch.inference_mode(), Progress(f"compare_steps {name}", total) as bar:
        for steps, eta in pairs:
            drawn = []
            for number, like in enumerate(shapes):
                stream = (seed, "sample", name, description["epoch"], number)
                noise = Chunked([len(like)], [generator(device, *stream)])
                with devices.autocast(device, dtype):
                    x_0 = samplers.sample_strided(
                        predict, process, noise.normal(like), noise.normal, steps, eta
                    )
                drawn.append(to_levels(x_0).cpu())
                bar.advance(steps)
            images = torch.cat(drawn)
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
            bar.note(
                f"compare_steps {name}: {steps} steps, eta {eta}: "
                f"IS {result['is']:.2f}, FID {result['fid']:.1f}"
            )
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    run(main)

"""Score images by number of steps and eta, best checkpoint: python -m stages.step_study model1

results/step_study/<model>.json is a list, with one entry for each pair of `step_study`:
{"steps": 50, "eta": 0.0, "images": 1000, "is": ..., "is_below": ..., "is_above": ..., "fid": ...,
and all other scores of diffusion.metrics.scorer}.
The scores compare with validation images, because steps and eta are chosen by them; the scores of
the report compare with test images. The images start from the noise of stages.sample, whose
`validation_fid` compares with the FID here. A Gaussian model is sampled
by DDIM, a categorical model by draws of grey levels. The list of any other cold model is empty,
because neither of its samplers can leave out steps.
"""

from __future__ import annotations

import itertools

import torch

from diffusion.metrics.params import EvaluationParams
from diffusion.metrics.scorer import VALIDATION_FEATURES, Scorer
from diffusion.models.model import DiffusionModel
from diffusion.runtime import cli, devices, files, paths
from diffusion.runtime.errors import run
from diffusion.runtime.params import Count, Precision, Seed, read
from diffusion.runtime.pixels import SIDE
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import Stream
from diffusion.sampling.draw import DrawOptions, draw
from diffusion.sampling.params import DDIM, Categorical, StepStudyParams


def main() -> None:
    name = cli.model_argument("step_study", __doc__)
    seed = read("seed", Seed)
    study = read("step_study", StepStudyParams)
    count = read("sampling.images", Count)
    params = read("evaluation", EvaluationParams)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = DiffusionModel.load(paths.weights(name), device)
    scorer = Scorer.load(params, device, features=VALIDATION_FEATURES)
    print(f"step_study {name}: {devices.describe(device, dtype)}")

    pairs = [] if model.restores else list(itertools.product(study.steps, study.etas))
    kind = Categorical if model.predicts == "categorical" else DDIM
    shapes = torch.zeros(count, 1, SIDE, SIDE, device=device)
    stream = Stream(seed, "sample", name, model.description["epoch"])
    entries = []
    with Progress(f"step_study {name}", sum(steps for steps, _ in pairs)) as bar:
        for steps, eta in pairs:
            sampler = kind(steps=steps, eta=eta)
            sets = draw(model, shapes, sampler, stream, DrawOptions(dtype))
            scores = scorer(sets[sampler.main_set])
            entries.append({"steps": steps, "eta": eta, **scores})
            bar.advance(steps)
            bar.note(
                f"step_study {name}: {steps} steps, eta {eta}: "
                f"IS {scores['is']:.2f}, FID {scores['fid']:.1f}"
            )
    files.write_json(paths.STEP_STUDY / f"{name}.json", entries)


if __name__ == "__main__":
    run(main)

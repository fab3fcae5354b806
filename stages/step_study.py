"""Score images by steps, eta and clip, best checkpoint: python -m stages.step_study model1

results/step_study/<model>.json is a list, with one entry for each setting of `step_study`:
{"steps": 50, "eta": 0.0, "clip": false, "images": 1000, "is": ..., "is_below": ..., "is_above":
..., "fid": ..., and all other scores of diffusion.metrics.scorer}.
The times of sampling are in results/times/step_study/<model>.json, in the same order.
The scores compare with validation images, because the settings are chosen by them; the scores of
the report compare with test images. The images start from the noise of stages.sample, whose
`validation_fid` compares with the FID here. A Gaussian model is sampled
by DDIM, a categorical model by draws of grey levels. The list of any other cold model is empty,
because neither of its samplers can leave out steps.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import torch

from diffusion.metrics.params import EvaluationParams
from diffusion.metrics.scorer import Scorer
from diffusion.models.model import DiffusionModel
from diffusion.runtime import cli, devices, files, paths
from diffusion.runtime.errors import run
from diffusion.runtime.params import Count, Precision, Seed, read
from diffusion.runtime.pixels import SIDE
from diffusion.runtime.progress import Progress
from diffusion.runtime.rng import Stream
from diffusion.sampling.draw import DrawOptions, draw
from diffusion.sampling.params import DDIM, Categorical, StepStudyParams


def settings(study: StepStudyParams, predicts: str) -> Iterator[DDIM | Categorical]:
    """The samplers of the study, for a model that generates."""
    for steps, eta in itertools.product(study.steps, study.etas):
        if predicts == "categorical":
            yield Categorical(steps=steps, eta=eta)
        else:
            yield from (DDIM(steps=steps, eta=eta, clip=clip) for clip in study.clips)


def main() -> None:
    name = cli.model_argument("step_study", __doc__)
    seed = read("seed", Seed)
    study = read("step_study", StepStudyParams)
    count = read("sampling.images", Count)
    params = read("evaluation", EvaluationParams)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = DiffusionModel.load(paths.weights(name), device)
    scorer = Scorer.load(params, device, features=paths.REAL_VALIDATION)
    print(f"step_study {name}: {devices.describe(device, dtype)}")

    chosen = [] if model.restores else list(settings(study, model.predicts))
    shapes = torch.zeros(count, 1, SIDE, SIDE, device=device)
    stream = Stream(seed, "sample", name, model.description["epoch"])
    options = DrawOptions(dtype, devices.batch_size(device))
    entries, seconds = [], []
    with Progress(f"step_study {name}", sum(sampler.steps for sampler in chosen)) as bar:
        for sampler in chosen:
            start = time.monotonic()
            sets = draw(model, shapes, sampler, stream, options)
            seconds.append(round(time.monotonic() - start, 1))
            scores = scorer(sets[sampler.main_set])
            clip = isinstance(sampler, DDIM) and sampler.clip
            entries.append({"steps": sampler.steps, "eta": sampler.eta, "clip": clip, **scores})
            bar.advance(sampler.steps)
            bar.note(
                f"step_study {name}: {sampler.steps} steps, eta {sampler.eta}"
                f"{', clipped' if clip else ''}: IS {scores['is']:.2f}, FID {scores['fid']:.1f}"
            )
    files.write_json(paths.STEP_STUDY / f"{name}.json", entries)
    files.write_json(paths.STUDY_TIMES / f"{name}.json", {"seconds": seconds})


if __name__ == "__main__":
    run(main)

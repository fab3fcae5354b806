"""Score images by the settings of the sampler, best checkpoint: python -m stages.step_study model1

results/step_study/<model>.json has one entry for each setting, such as {"kind": "ddim", "steps":
50, "eta": 0.0, "evaluations": 50, "images": 1000, "is": ..., "fid": ..., and all other scores}, and
none if the sampler of the model cannot leave out steps (`SamplerParams.study`). The times of
sampling are in results/times/step_study/<model>.json, in the same order. The scores compare with
validation images, because the settings are chosen by them. The images start from the noise of
stages.sample, unless `sampling.seed` differs from `seed`; its `validation_fid` compares with the
FID here.
"""

from __future__ import annotations

import time

import torch

from hotcold.metrics.generation import label_accuracy
from hotcold.metrics.params import EvaluationParams
from hotcold.metrics.scorer import Scorer
from hotcold.models import kinds
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices, tables
from hotcold.numerics.pixels import SIDE
from hotcold.numerics.rng import Stream
from hotcold.runs.progress import Progress
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import Count, Precision, Seed, read
from hotcold.sampling.bases import Grids
from hotcold.sampling.draw import DrawOptions, draw, labels_in_turn


@stage("step_study", __doc__)
def main(name: str) -> None:
    seed = read("seed", Seed)
    kind = read(f"models.{name}.sampler.kind", str)
    grids = read(f"step_study.{kind}", Grids)
    count = read("sampling.images", Count)
    params = read("evaluation", EvaluationParams)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = DiffusionModel.load(paths.weights(name, "best"), device)
    scorer = Scorer.load(params, device, features=paths.REAL_VALIDATION)
    print(f"step_study {name}: {devices.describe(device, dtype)}")

    block = kinds.params("samplers", kind)
    epoch = model.description["epoch"]
    chosen = [each for each in block.study(grids, model.classes) if each.at(epoch) == each]
    shapes = torch.zeros(count, 1, SIDE, SIDE, device=device)
    stream = Stream(seed, "sample", name, epoch)
    options = DrawOptions(dtype, devices.batch_size(device))
    entries, seconds = [], []
    steps = [sampler.steps_of(model.process.T) for sampler in chosen]
    with Progress(f"step_study {name}", sum(steps)) as bar:
        for sampler, advance in zip(chosen, steps, strict=True):
            start = time.monotonic()
            sets = draw(model, shapes, sampler, stream, options)
            seconds.append(round(time.monotonic() - start, 1))
            outputs = scorer.classify(sets[sampler.main_set])
            scores = scorer(sets[sampler.main_set], outputs)
            if model.classes:
                asked = labels_in_turn(count, model.classes)
                scores["label_accuracy"] = label_accuracy(outputs.logits, asked)
            setting = sampler.model_dump()
            entries.append(setting | {"evaluations": sampler.evaluations(model.process.T)} | scores)
            bar.advance(advance)
            found = f"IS {scores['is']:.2f}, FID {scores['fid']:.1f}"
            bar.note(f"step_study {name}: {setting['steps']} steps, {sampler.variant}: {found}")
    tables.write_json(paths.STEP_STUDY / f"{name}.json", entries)
    tables.write_json(paths.STUDY_TIMES / f"{name}.json", {"seconds": seconds})


if __name__ == "__main__":
    run(main)

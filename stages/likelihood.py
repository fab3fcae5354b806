"""The likelihood of test images by a categorical model: python -m stages.likelihood model6

results/likelihood/<model>.json has `bits` a pixel at the grey levels of the model, with its
`standard_error`, and for comparison `independent_pixels` and `lzma`, a compressor, at the same
levels. It is {} for any other model.
"""

from __future__ import annotations

from typing import Any

from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.likelihood import bits
from hotcold.likelihood.params import LikelihoodParams
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices, tables
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.rng import Stream
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import Precision, Seed, read


@stage("likelihood", __doc__)
def main(name: str) -> None:
    seed = read("seed", Seed)
    params = read("likelihood", LikelihoodParams)
    data = read("data", DataParams)
    device = devices.device()
    dtype = devices.dtype(read("precision", Precision), device)
    model = DiffusionModel.load(paths.weights(name, "best"), device)
    process: Any = model.process
    entry: dict[str, float] = {}
    if process.levels:
        print(f"likelihood {name}: {devices.describe(device, dtype)}")
        test = to_pixels(mnist.images("test")[: params.images])
        stream = Stream(seed, "likelihood", name)
        steps = min(params.steps, process.T)
        bound = bits.variational_bound(model, test.to(device), steps, stream, dtype)
        images = mnist.images("train")
        training = process.quantise(to_pixels(images[mnist.split(len(images), data).train]))
        levels = process.quantise(test)
        independent = bits.independent_pixels(levels, training, process.levels)
        entry = {
            "images": len(test),
            "levels": process.levels,
            "bits": bound.bits,
            "standard_error": bound.standard_error,
            "independent_pixels": independent.bits,
            "lzma": bits.compressed(levels),
        }
        print(f"likelihood {name}: {bound.bits:.3f} bits a pixel of {len(test)} test images")
    tables.write_json(paths.LIKELIHOOD / f"{name}.json", entry)


if __name__ == "__main__":
    run(main)

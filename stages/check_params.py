"""Check all of params.yaml before any work starts.

results/params_checked.txt never changes, so another successful check does not run any stage again.
"""

from __future__ import annotations

from inspect import signature

import torch

from hotcold.models import kinds
from hotcold.models.model import FOREIGN, DiffusionModel
from hotcold.numerics.pixels import SIDE
from hotcold.params import ModelParams, Params
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.files import write
from hotcold.runtime.params import load, validate


def check_parts(name: str, params: ModelParams) -> None:
    """Build a model, and evaluate its network once. Raises UserError if its kinds of process,
    network or sampler lack a part, or if their parts do not fit."""
    degradation, network, sampler = params.degradation, params.network, params.sampler
    for kind in {each for p in degradation.predictions.values() for each in p.samplers}:
        if kind not in kinds.names("samplers"):
            place = f"hotcold/processes/{degradation.kind}/params.py"
            raise UserError(f"{place} names the sampler {kind!r}, which has no folder")
    try:
        model = DiffusionModel.build(params.block())
        with torch.inference_mode():  # on "meta", PyTorch would import its compiler, for a second
            output = model.output(torch.zeros(2, 1, SIDE, SIDE), torch.ones(2))
        expected = (2, model.process.levels or 1, SIDE, SIDE)
        if output.shape != expected:
            raise ValueError(f"the output of the network is {tuple(output.shape)}, not {expected}")
        if model.process.T != degradation.T:
            raise ValueError(f"the schedule has {model.process.T} steps, not T, {degradation.T}")
        signature(kinds.behaviour("samplers", sampler.kind, "run")).bind(*"abcdef")
    except FOREIGN as error:
        raise UserError(
            f"{paths.PARAMS}: models.{name} cannot be built from the process {degradation.kind}, "
            f"the network {network.kind} and the sampler {sampler.kind}: {error}"
        ) from None


@stage("check_params", __doc__)
def main() -> None:
    params = validate(load(), Params)
    for name, model in params.models.items():
        check_parts(name, model)
    write(paths.PARAMS_CHECKED, b"params.yaml is valid\n")
    print(f"params.yaml is valid; models: {', '.join(params.models)}")


if __name__ == "__main__":
    run(main)

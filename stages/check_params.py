"""Check all of params.yaml before any work starts.

results/params_checked.txt never changes, so another successful check does not run any stage again.
"""

from __future__ import annotations

import torch

from hotcold.models import kinds
from hotcold.models.model import DiffusionModel
from hotcold.params import Params
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.files import write
from hotcold.runtime.params import load, validate


def check_parts(params: Params) -> None:
    """Build every model without memory for its weights. Raises UserError if its kinds of process,
    network or sampler lack a part."""
    with torch.device("meta"):
        for name, model in params.models.items():
            try:
                DiffusionModel.build(model.block())
            except ValueError as error:
                raise UserError(f"{paths.PARAMS}: models.{name}: {error}") from None
            kinds.behaviour("samplers", model.sampler.kind, "run")


def main() -> None:
    cli.no_arguments("check_params", __doc__)
    params = validate(load(), Params)
    check_parts(params)
    write(paths.PARAMS_CHECKED, b"params.yaml is valid\n")
    print(f"params.yaml is valid; models: {', '.join(params.models)}")


if __name__ == "__main__":
    run(main)

"""Check the whole of params.yaml before any work starts.

results/params_checked.txt never changes, so passing the check again re-runs nothing.
results/samplers/<model>.json says by what stages.sample draws images of a model: what params.yaml
says for all models and for single ones comes together there, and a change of it samples again
what it changes, and trains nothing.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from diffusion.params import Params
from diffusion.runtime import cli as arguments
from diffusion.runtime.errors import run
from diffusion.runtime.files import write
from diffusion.runtime.params import load, validate

OUTPUT = Path("results/params_checked.txt")
SAMPLERS = Path("results/samplers")


def main() -> None:
    arguments.none(__doc__, "check_params")
    params = validate(load(), Params)
    write(OUTPUT, b"params.yaml is valid\n")
    shutil.rmtree(SAMPLERS, ignore_errors=True)
    for name in params.models:
        sampler = params.sampler(name).model_dump()
        write(SAMPLERS / f"{name}.json", (json.dumps(sampler, indent=1) + "\n").encode())
    print(f"params.yaml is valid; models: {', '.join(params.models)}")


if __name__ == "__main__":
    run(main)

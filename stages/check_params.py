"""Check all of params.yaml before any work starts.

results/params_checked.txt never changes, so another successful check does not run any stage again.
"""

from __future__ import annotations

from hotcold.params import Params
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import run
from hotcold.runtime.files import write
from hotcold.runtime.params import load, validate


def main() -> None:
    cli.no_arguments("check_params", __doc__)
    params = validate(load(), Params)
    write(paths.PARAMS_CHECKED, b"params.yaml is valid\n")
    print(f"params.yaml is valid; models: {', '.join(params.models)}")


if __name__ == "__main__":
    run(main)

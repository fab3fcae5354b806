"""Check the whole of params.yaml before any work starts.

Its output never changes, so passing the check again re-runs nothing.
"""

from __future__ import annotations

from pathlib import Path

from stages import arguments
from stages.errors import run
from stages.params.reader import load, validate
from stages.params.whole import Params

OUTPUT = Path("results/params_checked.txt")


def main() -> None:
    arguments.none(__doc__, "check_params")
    params = validate(load(), Params)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text("params.yaml is valid\n")
    print(f"params.yaml is valid; models: {', '.join(params.models)}")


if __name__ == "__main__":
    run(main)

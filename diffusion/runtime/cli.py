"""The command line of a stage or tool. All settings of a stage are in params.yaml."""

from __future__ import annotations

import argparse

EPILOG = """\
All settings come from params.yaml. `dvc repro {stage}` runs this stage, and the stages that it
depends on, where one of their dependencies has changed. DEVICE=cpu|cuda|mps selects the device.
"""


def parser(module: str, doc: str | None, epilog: str | None = None) -> argparse.ArgumentParser:
    """A parser for `python -m <module>` with the module's docstring as its description."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=doc,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_model(options: argparse.ArgumentParser) -> None:
    """Add the positional argument MODEL."""
    options.add_argument(
        "model", metavar="MODEL", help="a key of `models` in params.yaml, such as model1"
    )


def no_arguments(stage: str, doc: str | None) -> None:
    """Parse the command line of a stage without arguments."""
    parser(f"stages.{stage}", doc, EPILOG.format(stage=stage)).parse_args()


def model_argument(stage: str, doc: str | None) -> str:
    """Parse the command line of a stage that runs once for each model; the model's name."""
    options = parser(f"stages.{stage}", doc, EPILOG.format(stage=f"{stage}@MODEL"))
    add_model(options)
    return options.parse_args().model

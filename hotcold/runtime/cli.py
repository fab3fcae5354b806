"""The command line of a stage or tool. All settings of a stage are in params.yaml."""

from __future__ import annotations

import argparse

from hotcold.runtime import paths
from hotcold.runtime.params import load, member

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


def known_model(name: str) -> str:
    """The type of an argument MODEL: a key of `models` in params.yaml, or a model whose folder of
    weights is kept. Raises UserError for another name."""
    if name not in {folder.name for folder in paths.MODELS.glob("*") if folder.is_dir()}:
        member(load().get("models"), name, f"models.{name or repr(name)}")
    return name


def add_model(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "model",
        type=known_model,
        metavar="MODEL",
        help="a key of `models` in params.yaml, such as model1",
    )


def arguments(stage: str, doc: str | None, of_model: bool) -> list[str]:
    """Parse the command line of a stage: the model, if it runs once for each, or nothing."""
    options = parser(f"stages.{stage}", doc, EPILOG.format(stage=stage + "@MODEL" * of_model))
    if of_model:
        add_model(options)
    return list(vars(options.parse_args()).values())

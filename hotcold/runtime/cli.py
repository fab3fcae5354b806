"""The command line of a stage. All its settings are in params.yaml."""

from __future__ import annotations

import argparse

from hotcold.runtime import paths
from hotcold.runtime.params import load, member

EPILOG = """\
All settings come from params.yaml. `dvc repro {stage}` runs this stage, and the stages that it
depends on, where one of their dependencies has changed. DEVICE=cpu|cuda|mps selects the device.
"""


def _parser(stage: str, doc: str | None, target: str) -> argparse.ArgumentParser:
    """A parser for `python -m stages.<stage>` with the module's docstring as its description."""
    return argparse.ArgumentParser(
        prog=f"python -m stages.{stage}",
        description=doc,
        epilog=EPILOG.format(stage=target),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def known_model(name: str) -> str:
    """An argument MODEL: a key of `models` in params.yaml, or a model whose folder of
    weights is kept. Raises UserError for another name."""
    if name not in {folder.name for folder in paths.MODELS.glob("*") if folder.is_dir()}:
        member(load().get("models"), name, f"models.{name or repr(name)}")
    return name


def no_arguments(stage: str, doc: str | None) -> None:
    """Parse the command line of a stage without arguments."""
    _parser(stage, doc, stage).parse_args()


def model_argument(stage: str, doc: str | None) -> str:
    """Parse the command line of a stage that runs once for each model; the model's name."""
    options = _parser(stage, doc, f"{stage}@MODEL")
    words = "a key of `models` in params.yaml, such as model1"
    options.add_argument("model", type=known_model, metavar="MODEL", help=words)
    return options.parse_args().model

"""The command line of a stage. All its settings are in params.yaml."""

from __future__ import annotations

import argparse

from hotcold.runtime import paths
from hotcold.runtime.params import load, member

EPILOG = """\
All settings come from params.yaml. `dvc repro {stage}` runs this stage, and the stages that it
depends on, where one of their dependencies has changed. DEVICE=cpu|cuda|mps selects the device.
"""


def known_model(name: str) -> str:
    """An argument MODEL: a key of `models` in params.yaml, or a model whose folder of
    weights is kept. Raises UserError for another name."""
    if name not in {folder.name for folder in paths.MODELS.glob("*") if folder.is_dir()}:
        member(load().get("models"), name, f"models.{name or repr(name)}")
    return name


def arguments(stage: str, doc: str | None, of_model: bool) -> list[str]:
    """Parse the command line of a stage: the model, if it runs once for each, or nothing."""
    options = argparse.ArgumentParser(
        prog=f"python -m stages.{stage}",
        description=doc,
        epilog=EPILOG.format(stage=stage + "@MODEL" * of_model),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if of_model:
        words = "a key of `models` in params.yaml, such as model1"
        options.add_argument("model", type=known_model, metavar="MODEL", help=words)
    return list(vars(options.parse_args()).values())

"""The command line of a stage: at most a model's name, everything else is in params.yaml."""

from __future__ import annotations

import argparse

SETTINGS = """\
All settings come from params.yaml. `dvc repro {stage}` runs this, after what must come before,
where something that it depends on has changed. DEVICE=cpu|cuda|mps chooses where to compute.
"""


def parser(doc: str, stage: str) -> argparse.ArgumentParser:
    """doc: of the stage's module; stage: as `dvc repro` names it."""
    return argparse.ArgumentParser(
        prog=f"python -m stages.{stage.split('@')[0]}",
        description=doc,
        epilog=SETTINGS.format(stage=stage),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def none(doc: str, stage: str) -> None:
    """A stage without arguments: answer --help, and refuse everything else."""
    parser(doc, stage).parse_args()


def model(doc: str, stage: str) -> str:
    """The name of the model that a stage is asked for."""
    asked = parser(doc, f"{stage}@MODEL")
    asked.add_argument("model", metavar="MODEL", help="a key of `models` in params.yaml: model1")
    return asked.parse_args().model

"""The axis between cold and hot: a model of blur with noise, trained with several sizes of noise.

python -m tools.noise_axis MODEL 0 0.01 0.02 0.05 0.1 0.2 0.4

Every size is a DVC experiment of one model at the budget of params.yaml; results of earlier runs
come from the cache. report/measured/noise_axis.csv has a row for each size, which the figures show.
"""

from __future__ import annotations

import argparse

from hotcold.models.params import DissipationParams, read_design
from hotcold.reporting.reading.measured import NOISE_AXIS
from hotcold.runtime import cli
from hotcold.runtime.errors import UserError, run
from tools.experiments import measure


def size(text: str) -> float:
    """A size of noise. Raises argparse.ArgumentTypeError for a wrong one."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a size of noise, must be in 0..1")
    return value


def main() -> None:
    parser = cli.parser("tools.noise_axis", __doc__)
    cli.add_model(parser)
    parser.add_argument("sizes", type=size, nargs="+", metavar="SIZE", help="of the noise, 0 to 1")
    arguments = parser.parse_args()
    name = arguments.model
    kind = read_design(name).degradation
    if not isinstance(kind, DissipationParams):
        raise UserError(f"{name} has {kind.kind} degradation, must have dissipation")
    for noise in arguments.sizes:
        measure(NOISE_AXIS, name, f"{noise:g}", f"models.{name}.degradation.noise")


if __name__ == "__main__":
    run(main)

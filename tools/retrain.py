"""Models trained again from other seeds: how much scores vary between trainings.

python -m tools.retrain MODEL ... [--seeds 1,2]

Every training is a DVC experiment of one model at the budget of params.yaml; results of earlier
runs come from the cache. report/measured/seeds.csv has a row for each model and seed; the report
compares their scores with those of the seed of params.yaml.
"""

from __future__ import annotations

import argparse

from hotcold.models.params import read_design
from hotcold.reporting.reading.measured import SEEDS
from hotcold.runtime import cli
from hotcold.runtime.errors import UserError, bounded, run
from hotcold.runtime.params import Seed, read
from tools.experiments import measure


def numbers(text: str) -> list[int]:
    """Seeds, separated by commas. Raises argparse.ArgumentTypeError for anything else."""
    parts = text.split(",")
    if not all(part.isdecimal() and len(part) < 20 and int(part) < 2**63 for part in parts):
        raise argparse.ArgumentTypeError(f"{bounded(text)} must be whole numbers, such as 1,2")
    return [int(part) for part in parts]


def main() -> None:
    parser = cli.parser("tools.retrain", __doc__)
    parser.add_argument(
        "models", nargs="+", type=cli.known_model, metavar="MODEL", help="such as model5"
    )
    parser.add_argument("--seeds", type=numbers, default=[1, 2], help="(1,2)")
    arguments = parser.parse_args()
    for name in arguments.models:
        read_design(name)
    own = read("seed", Seed)
    if own in arguments.seeds:
        raise UserError(f"--seeds has {own}, which is the seed of params.yaml")
    for seed in arguments.seeds:
        for name in arguments.models:
            measure(SEEDS, name, str(seed), "seed")


if __name__ == "__main__":
    run(main)

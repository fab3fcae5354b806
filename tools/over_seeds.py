"""Mean and standard deviation of every metric over experiments that differ only in their seed:

python -m tools.over_seeds [METRIC ...]

Reads DVC's records of the experiments, such as those of make sweep SET="seed=1,2,3".
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator

from hotcold.runtime import cli
from hotcold.runtime.errors import UserError, run
from hotcold.scores import shown
from tools import experiments as records
from tools.experiments import Experiment

SHOWN = ("validation_loss", *(score.key for score in shown("metrics")))
Values = dict[str, list[float]]  # metric -> its values, one for each seed


def over_seeds(experiments: list[Experiment]) -> dict[tuple[str, ...], Values]:
    """The values of the metrics for each combination of the other settings.

    experiments: also unfinished ones, which are left out, as is a metric that an experiment did
    not compute with its settings. Only settings that differ between experiments are named.
    """
    experiments = records.finished(experiments)
    varied = records.varied(experiments)
    by_setting: dict[tuple[str, ...], dict[int, dict[str, float]]] = defaultdict(dict)
    for each in experiments:  # the same experiment may be recorded more than once
        setting = tuple(f"{key}={each.setting(key)}" for key in varied)
        by_setting[setting].setdefault(each.settings["seed"], {}).update(each.metrics)
    groups: dict[tuple[str, ...], Values] = {}
    for setting, by_seed in by_setting.items():
        values = groups.setdefault(setting, defaultdict(list))
        for metrics in by_seed.values():
            for key, number in metrics.items():
                values[key].append(float(number))
    return groups


def table(values: Values, chosen: tuple[str, ...]) -> Iterator[str]:
    """The lines of a Markdown table; chosen: last parts of the names of metrics."""
    yield "| metric | mean | standard deviation | seeds |"
    yield "|---|---|---|---|"
    for key, numbers in sorted(values.items()):
        if numbers and not key.startswith("real.") and key.rpartition(".")[2] in chosen:
            spread = f"{statistics.stdev(numbers):.3g}" if len(numbers) > 1 else "–"
            yield f"| {key} | {statistics.mean(numbers):.4g} | {spread} | {len(numbers)} |"


def main() -> None:
    parser = cli.parser("tools.over_seeds", __doc__)
    parser.add_argument("metrics", nargs="*", metavar="METRIC", help=f"({' '.join(SHOWN)})")
    chosen = tuple(parser.parse_args().metrics) or SHOWN
    groups = over_seeds(records.load())
    if not groups:
        raise UserError('there are no finished experiments: run make sweep SET="seed=1,2,3"')
    for setting, values in groups.items():
        print(f"\n{', '.join(setting) or 'all settings but the seed are equal'}\n")
        print("\n".join(table(values, chosen)))


if __name__ == "__main__":
    run(main)

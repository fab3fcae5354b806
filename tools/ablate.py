"""The contribution of each part of a recipe: the model trained again without one part at a time.

python -m tools.ablate model5 training.epochs=5 training.images=9600

Every run is a DVC experiment of one model, at the budget of params.yaml with the overrides of the
command line; results of earlier runs come from the cache. An earlier experiment of the same name,
such as model5-independent-t, is replaced. Prints a table of the best checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotcold.reporting.reading.formatting import interval, number
from hotcold.reporting.reading.results import main_scores
from hotcold.runtime import cli
from hotcold.runtime.errors import run
from hotcold.scores import shown
from tools.experiments import best_checkpoint, run_alone

PARTS = {  # name -> overrides of the model's block that remove the part, in Hydra's syntax
    "complete recipe": [],
    "eps instead of v": ["network.predicts=eps"],
    "no EMA of the weights": ["training.ema=null"],
    "constant learning rate": ["training.warmup=null"],
    "independent t": ["training.stratified_t=false"],
    "linear schedule": ["degradation.schedule=null", "+degradation.beta=[1e-4,0.02]"],
    "network of model1": ["network.kind=cnn", "~network.channels", "+network.hidden=[16,32,32,16]"],
}


def overrides(model: str, part: str) -> list[str]:
    """Options of `dvc exp run` that remove a part."""
    options = []
    for change in PARTS[part]:
        sign = change[0] if change[0] in "+~" else ""
        options += ["-S", f"{sign}models.{model}.{change.removeprefix(sign)}"]
    return options


def table(results: Mapping[str, dict[str, Any]]) -> str:
    """Markdown. results: part -> best checkpoint, as in results/scores/<model>/scores.json."""
    columns = shown("measured")
    head = ["", *(score.heading for score in columns)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for part, best in results.items():
        scores = main_scores(best)
        cells = [
            interval(scores, s.key) if s.spread == "interval" else number(scores[s.key])
            for s in columns
        ]
        lines.append(f"| {' | '.join([part, *cells])} |")
    return "\n".join(lines)


def main() -> None:
    parser = cli.parser("tools.ablate", __doc__)
    parser.add_argument(
        "model", metavar="MODEL", type=cli.known_model, help="with all parts of the recipe: model5"
    )
    parser.add_argument("budget", nargs="*", metavar="KEY=VALUE", help="overrides for all runs")
    arguments = parser.parse_args()
    model = arguments.model
    budget = [word for pair in arguments.budget for word in ("-S", pair)]
    results = {}
    for part in PARTS:
        name = f"{model}-{part.replace(' ', '-')}"
        run_alone(name, [*budget, *overrides(model, part)], f"evaluate@{model}")
        results[part] = best_checkpoint(name, model)
    print(table(results))


if __name__ == "__main__":
    run(main)

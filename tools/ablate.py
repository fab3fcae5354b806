"""The contribution of each part of a recipe: the model trained again without one part at a time.

python -m tools.ablate model5 training.epochs=5 training.images=9600

Every run is a DVC experiment of one model, at the budget of params.yaml with the overrides of the
command line; results of earlier runs come from the cache. An earlier experiment of the same name,
such as model5-independent-t, is replaced. Prints a table of the best checkpoints.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import dvc.api

from diffusion.reporting.formatting import interval, number
from diffusion.runtime import cli, paths
from diffusion.runtime.errors import UserError, run

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


def forget(name: str) -> None:
    """Delete an earlier experiment of this name, if there is one: DVC would refuse to run it again,
    and with --force it would run every stage, the download too."""
    listed = subprocess.run(
        ["dvc", "exp", "list", "--name-only"], stdout=subprocess.PIPE, text=True
    )
    if name in listed.stdout.split():
        subprocess.run(["dvc", "exp", "remove", name], check=True)


def table(results: Mapping[str, list[dict[str, Any]]]) -> str:
    """Markdown. results: part -> checkpoints, as in results/scores/<model>/scores.json."""
    lines = ["| | FID ↓ | IS ↑ | precision ↑ | recall ↑ |", "|---|---|---|---|---|"]
    for part, checkpoints in results.items():
        best = next(c for c in checkpoints if "best" in c["roles"])
        scores = best["sets"][best["main"]]
        cells = [interval(scores, "fid"), interval(scores, "is")]
        cells += [number(scores[key]) for key in ("precision", "recall")]
        lines.append(f"| {' | '.join([part, *cells])} |")
    return "\n".join(lines)


def main() -> None:
    parser = cli.parser("tools.ablate", __doc__)
    parser.add_argument("model", metavar="MODEL", help="with all parts of the recipe: model5")
    parser.add_argument("budget", nargs="*", metavar="KEY=VALUE", help="overrides for all runs")
    arguments = parser.parse_args()
    model = arguments.model
    budget = [word for pair in arguments.budget for word in ("-S", pair)]
    results = {}
    for part in PARTS:
        name = f"{model}-{part.replace(' ', '-')}"
        forget(name)
        command = ["dvc", "exp", "run", "--temp", "--name", name, *budget]
        command += [*overrides(model, part), f"evaluate@{model}"]
        if subprocess.run(command).returncode:
            raise UserError(f"the experiment {name} failed, see above")
        scores = paths.SCORES / model / "scores.json"
        results[part] = json.loads(dvc.api.read(str(scores), rev=name))
    print(table(results))


if __name__ == "__main__":
    run(main)

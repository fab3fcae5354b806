"""What each part of a recipe is worth: the model again with one part removed at a time.

python -m tools.ablate model5 training.epochs=5 training.images=9600

Every run is a DVC experiment of one model, at the budget of params.yaml but for what is named;
what an earlier one has computed comes from the cache. Prints a table of the best checkpoints.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import dvc.api

from diffusion.reporting.findings import interval, number

PARTS = {  # name -> what removes the part from `models.<model>`, in Hydra's words
    "the whole recipe": [],
    "eps in place of v": ["prediction=eps"],
    "no average of weights": ["ema=null"],
    "constant learning rate": ["annealing=null"],
    "independent t": ["stratified_t=false"],
    "linear schedule": ["degradation.schedule=null", "+degradation.beta=[1e-4,0.02]"],
    "network of model1": ["network.kind=cnn", "~network.channels", "+network.hidden=[16,32,32,16]"],
}


def overrides(model: str, part: str) -> list[str]:
    """Options of `dvc exp run` that remove a part."""
    found = []
    for change in PARTS[part]:
        sign = change[0] if change[0] in "+~" else ""
        found += ["-S", f"{sign}models.{model}.{change.removeprefix(sign)}"]
    return found


def table(found: Mapping[str, list[dict[str, Any]]]) -> str:
    """Markdown. found: name of a part -> checkpoints, as in results/scores/<model>/scores.json."""
    lines = ["| | FID ↓ | IS ↑ | precision ↑ | recall ↑ |", "|---|---|---|---|---|"]
    for part, checkpoints in found.items():
        best = next(c for c in checkpoints if "best" in c["roles"])
        scores = best["sets"][best["main"]]
        cells = [interval(scores, "fid"), interval(scores, "is")]
        cells += [number(scores[key]) for key in ("precision", "recall")]
        lines.append(f"| {' | '.join([part, *cells])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.ablate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="with all parts of the recipe: model5")
    parser.add_argument("budget", nargs="*", metavar="KEY=VALUE", help="for all runs alike")
    given = parser.parse_args()
    budget = [word for pair in given.budget for word in ("-S", pair)]
    found = {}
    for part in PARTS:
        name = f"{given.model}-{part.replace(' ', '-')}"
        command = ["dvc", "exp", "run", "--temp", "--name", name, *budget]
        command += [*overrides(given.model, part), f"evaluate@{given.model}"]
        subprocess.run(command, check=True)
        path = f"results/scores/{given.model}/scores.json"
        found[part] = json.loads(dvc.api.read(path, rev=name))
    print(table(found))


if __name__ == "__main__":
    main()

"""Train and score variants of models, each as a DVC experiment:

python -m tools.vary model5 model6 --seeds 1,2
python -m tools.vary model10 --noise 0 0.01 0.02 0.05 0.1 0.2 0.4
python -m tools.vary model5 --ablate training.epochs=5 training.images=9600

--seeds and --noise write a row for each training to a table in report/measured, which the report
shows. --ablate removes one part of a recipe at a time and prints a table of the best checkpoints.
The budget is that of params.yaml, and results of earlier runs come from DVC's cache. An earlier
experiment of the same name, such as model5-seed-1, is replaced.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import dvc.api

from hotcold.params import Params
from hotcold.reporting.reading import provenance
from hotcold.reporting.reading.formatting import interval, number
from hotcold.reporting.reading.measured import NOISE_AXIS, SEEDS, Table
from hotcold.reporting.reading.results import main_scores
from hotcold.reporting.text.tables import markdown_table
from hotcold.runtime import cli, paths
from hotcold.runtime.errors import UserError, run
from hotcold.runtime.params import load, member, parse, validate
from tools.copy_project import set_key
from tools.experiments import run_dvc

PARTS = {  # name -> overrides of the model's block that remove the part, in Hydra's syntax
    "complete recipe": [],
    "eps instead of v": ["network.predicts=eps"],
    "no EMA of the weights": ["training.ema=null"],
    "constant learning rate": ["training.warmup=null"],
    "independent t": ["training.stratified_t=false"],
    "linear schedule": ["degradation.schedule=null", "+degradation.beta=[1e-4,0.02]"],
    "network of model1": ["network.kind=cnn", "~network.channels", "+network.hidden=[16,32,32,16]"],
}


def train(name: str, overrides: Sequence[str], model: str) -> dict[str, Any]:
    """Train and score one model as the experiment `name`, in a copy of the workspace; the entry of
    its best checkpoint in scores.json.

    overrides: of params.yaml, in Hydra's syntax. An earlier experiment of this name is replaced:
    DVC would refuse to run it again, and with --force it would run every stage, the download too.
    Raises UserError if the experiment fails.
    """
    subprocess.run(["dvc", "exp", "remove", name], capture_output=True)
    options = [word for override in overrides for word in ("-S", override)]
    if not run_dvc("exp", "run", "--temp", "--name", name, *options, f"evaluate@{model}"):
        raise UserError(f"the experiment {name} failed, see above")
    text = dvc.api.read(str(paths.SCORES / model / "scores.json"), rev=name)
    return next(entry for entry in json.loads(text) if "best" in entry["roles"])


def check(model: str, key: str, value: Any) -> None:
    """Raises UserError if params.yaml, with this value of a key, is not valid or lacks the key."""
    params = load()
    member(params["models"], model, f"models.{model}")
    set_key(params, key, value)
    validate(params, Params)


def measure(table: Table, model: str, key: str, value: str) -> None:
    """Train and score a model with another value of a key, and write its row of a table.

    Raises UserError if the table is damaged, before the training, or if the experiment fails.
    """
    table.read()
    commit, settings = provenance.commit(), table.settings(load(), model)
    name = f"{model}-{table.varied}-{value}"
    best = train(name, [f"{key}={value}"], model)
    row = {"model": model, table.varied: value, "epoch": best["epoch"], "commit": commit}
    row |= {"settings": settings} | {k: f"{v:.6g}" for k, v in main_scores(best).items()}
    table.add(row)
    print(f"{name}: FID {row['fid']}, in {table.path}", flush=True)


def without(model: str, part: str) -> list[str]:
    """Overrides of params.yaml that remove a part of a model's recipe."""
    signs = [change[0] if change[0] in "+~" else "" for change in PARTS[part]]
    return [
        f"{sign}models.{model}.{change.removeprefix(sign)}"
        for sign, change in zip(signs, PARTS[part], strict=True)
    ]


def ablation(results: Mapping[str, dict[str, Any]]) -> str:
    """Markdown. results: part -> entry of the best checkpoint in scores.json."""
    rows = []
    for part, best in results.items():
        scores = main_scores(best)
        spread = [number(scores[key]) for key in ("precision", "recall")]
        rows.append([part, interval(scores, "fid"), interval(scores, "is"), *spread])
    return markdown_table(rows, ["", "FID ↓", "IS ↑", "precision ↑", "recall ↑"])


def numbers(text: str) -> tuple[Any, ...]:
    """Values of the command line, separated by commas."""
    return parse(f"[{text}]", f"'{text}'")


def main() -> None:
    parser = cli.parser("tools.vary", __doc__)
    parser.add_argument(
        "models", nargs="+", type=cli.known_model, metavar="MODEL", help="such as model5"
    )
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--seeds", nargs="+", type=numbers, metavar="N", help="such as 1,2")
    group.add_argument("--noise", nargs="+", type=numbers, metavar="SIZE", help="of dissipation")
    group.add_argument(
        "--ablate", nargs="*", metavar="KEY=VALUE", help="with settings of all trainings"
    )
    arguments = parser.parse_args()
    if arguments.ablate is not None:
        for model in arguments.models:
            results = {}
            for part in PARTS:
                name = f"{model}-{part.replace(' ', '-')}"
                results[part] = train(name, [*arguments.ablate, *without(model, part)], model)
            print(ablation(results))
        return
    table, key = (SEEDS, "seed") if arguments.seeds else (NOISE_AXIS, "models.{}.degradation.noise")
    values = list(itertools.chain(*(arguments.seeds or arguments.noise)))
    variants = [(model, key.format(model), value) for value in values for model in arguments.models]
    for variant in variants:
        check(*variant)
    own = load()["seed"]
    if arguments.seeds and own in values:
        raise UserError(f"--seeds has {own}, which is the seed of {paths.PARAMS}")
    for model, path, value in variants:
        measure(table, model, path, f"{value:g}" if isinstance(value, float) else str(value))


if __name__ == "__main__":
    run(main)

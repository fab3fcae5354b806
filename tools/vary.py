"""Train and score variants of models, each as a DVC experiment:

hotcold vary model5 model6 --seeds 1,2
hotcold vary model10 --noise 0,0.01,0.02,0.05,0.1,0.2,0.4,0.8
hotcold vary model10 --noise 0.05,0.1,0.4 --seeds 1,2
hotcold vary model5 --epochs 75
hotcold vary model5 model9 --draws 1,2,3
hotcold vary model3 --redrawn 0.1,0.25,0.5,0.75
hotcold vary model3 --overwritten 0.25,0.5,1
hotcold vary model5 --ablate training.images=9600

--seeds, --noise and --epochs write a row for each training, --draws for each set of images of the
same weights from other noise, and --redrawn and --overwritten for each share of pixels that a cold
sampler predicts anew in each step, with new noise and without, to a table in report/measured, which
the report shows. --ablate removes one part of a recipe at a time and prints a table of the best
checkpoints. All else is as in params.yaml, and results of earlier runs come from DVC's cache.
An earlier experiment of the same name, such as model5-seed-1, is replaced.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import dvc.api

from hotcold.commands import command
from hotcold.params import Params
from hotcold.reporting.reading import measured, provenance
from hotcold.reporting.reading.formatting import interval, number
from hotcold.reporting.reading.results import main_scores
from hotcold.reporting.text.tables import markdown_table
from hotcold.runtime import paths
from hotcold.runtime.cli import known_model
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, member, parse, validate
from tools.jobs import changes, override, run_experiment

TABLES = {  # option -> the table, its column, and the key of params.yaml that varies
    "noise": (measured.NOISE_AXIS, "noise", "models.{}.degradation.noise"),
    "seeds": (measured.SEEDS, "seed", "seed"),
    "epochs": (measured.EPOCHS, "epochs", "++models.{}.training.epochs"),
    "draws": (measured.DRAWS, "draw", "sampling.seed"),
    "redrawn": (measured.REDRAWN, "redrawn", "++models.{}.sampler.redrawn"),
    "overwritten": (measured.OVERWRITTEN, "overwritten", "++models.{}.sampler.overwritten"),
}
PARTS = {  # name -> overrides of the model's block that remove the part, in Hydra's syntax
    "complete recipe": [],
    "eps instead of v": ["network.predicts=eps"],
    "no EMA of the weights": ["training.ema=null"],
    "constant learning rate": ["training.warmup=null"],
    "independent t": ["training.stratified_t=false"],
    "linear schedule": ["degradation.schedule=null", "+degradation.beta=[1e-4,0.02]"],
    "network of model1": ["network.kind=cnn", "~network.channels", "+network.hidden=[16,32,32,16]"],
}


def read(name: str, path: Path) -> str:
    """A file of an experiment."""
    return dvc.api.read(str(path), rev=name)


def train(name: str, overrides: Sequence[str], model: str) -> dict[str, Any]:
    """Train and score one model as the experiment `name`, in a clone; the entry of its best
    checkpoint in scores.json, with the share of its `commonest` digit.

    overrides: of params.yaml, in Hydra's syntax. Raises UserError if the experiment fails.
    """
    run_experiment(name, overrides, f"evaluate@{model}", further=changes())

    folder = paths.SCORES / model
    entries = json.loads(read(name, folder / "scores.json"))
    best = next(entry for entry in entries if "best" in entry["roles"])
    digits = Counter(
        row["digit"]
        for row in csv.DictReader(read(name, folder / "predictions.csv").splitlines())
        if (row["epoch"], row["set"]) == (str(best["epoch"]), best["main"])
    )
    main_scores(best)["commonest"] = max(digits.values()) / digits.total()
    return best


def check(overrides: Sequence[str]) -> None:
    """Raises UserError if params.yaml with these overrides, as `dvc exp run -S` has them, is not
    valid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(paths.PARAMS, folder))
        override(path, overrides)
        validate(load(path), Params)


def numbers(option: str, text: str) -> tuple[float, ...]:
    """The values of an option. Raises UserError if they are not different numbers."""
    values = parse(f"[{text}]", f"'{text}'")
    found = [value for value in values if type(value) in (int, float)]
    if not found or len(found) < len(values) or len(set(found)) < len(found):
        raise UserError(f"--{option} is '{text}', must be different numbers, separated by commas")
    return values


def measure(
    table: measured.Table, model: str, varied: Mapping[str, str], overrides: Sequence[str]
) -> None:
    """Train and score a model with overrides of params.yaml, and write its row of a table.

    varied: what the overrides set, by the columns of the table.
    Raises UserError if the table is damaged, before the training, or if the experiment fails.
    """
    table.read()
    commit, settings = provenance.commit(), table.settings(load(), model)
    name = "-".join([model, *itertools.chain(*varied.items())])
    best = train(name, overrides, model)
    row = {"model": model, "seed": str(load()["seed"])} | dict(varied)
    row |= {"epoch": best["epoch"], "commit": commit}
    row |= table.origin(model, lambda path: json.loads(read(name, path)))
    scores = {k: f"{v:.6g}" for k, v in main_scores(best).items()}
    row |= {"settings": settings} | dict.fromkeys(table.further, "") | scores
    table.add(row)
    print(f"{name}: FID {row['fid']}, in {table.path}", flush=True)


def check_budget(model: str, setting: str) -> None:
    """Raises UserError if a setting KEY=VALUE of all models does not reach one, whose block has its
    own."""
    section, _, key = setting.partition("=")[0].partition(".")
    block = member(load()["models"], model, f"models.{model}")
    if section == "training" and block["training"].get(key) is not None:
        own = f"models.{model}.{section}.{key}"
        raise UserError(f"{setting} has no effect on {model}, which has its own: set {own}")


def without(model: str, part: str) -> list[str]:
    """Overrides of params.yaml that remove a part of a model's recipe."""
    return [re.sub("^([+~]?)", rf"\1models.{model}.", change) for change in PARTS[part]]


def ablation(results: Mapping[str, dict[str, Any]]) -> str:
    """Markdown. results: part -> entry of the best checkpoint in scores.json."""
    rows = []
    for part, best in results.items():
        scores = main_scores(best)
        spread = [number(scores[key]) for key in ("precision", "recall")]
        rows.append([part, interval(scores, "fid"), interval(scores, "is"), *spread])
    return markdown_table(rows, ["", "FID ↓", "IS ↑", "precision ↑", "recall ↑"])


@command(__doc__)
@click.argument("names", nargs=-1, required=True, metavar="MODEL... [KEY=VALUE]...")
@click.option("--seeds", metavar="N,...", help="such as 1,2")
@click.option("--noise", metavar="SIZE,...", help="of dissipation")
@click.option("--epochs", metavar="N,...", help="of training, such as 75")
@click.option("--draws", metavar="N,...", help="seeds of the noise of images, such as 1,2,3")
@click.option("--redrawn", metavar="SHARE,...", help="of pixels, by a cold sampler")
@click.option("--overwritten", metavar="SHARE,...", help="the same, without new noise")
@click.option("--ablate", is_flag=True, help="with the settings KEY=VALUE of all trainings")
def main(names: tuple[str, ...], ablate: bool, **varied: str | None) -> None:
    params = validate(load(), Params)
    models = list(dict.fromkeys(known_model(name) for name in names if "=" not in name))
    settings = [name for name in names if "=" in name]
    given = [option for option in TABLES if varied[option] is not None]
    if len(given) + ablate != 1 and (ablate or given != ["noise", "seeds"]):
        options = ", ".join(f"--{option}" for option in TABLES)
        raise UserError(f"one of {options} and --ablate must be given, or --noise and --seeds")
    if settings and not ablate:
        raise UserError(f"{settings[0]} must be absent without --ablate")
    if ablate:
        for model, setting in itertools.product(models, settings):
            check_budget(model, setting)
        parts = {
            (model, part): [*settings, *without(model, part)] for model in models for part in PARTS
        }
        for overrides in parts.values():
            check(overrides)
        for model in models:
            results = {}
            for part in PARTS:
                name = f"{model}-{part.replace(' ', '-')}"
                results[part] = train(name, parts[model, part], model)
            print(ablation(results))
        return
    tables = [TABLES[option] for option in given]
    values = [numbers(option, varied[option] or "") for option in given]
    variants = []
    for chosen, model in itertools.product(itertools.product(*values), models):
        row, overrides = {}, []
        for (_, column, key), value in zip(tables, chosen, strict=True):
            row[column] = f"{value:.12g}" if isinstance(value, float) else str(value)
            overrides.append(f"{key.format(model)}={row[column]}")
        check(overrides)
        variants.append((model, row, overrides))
    own = {
        "epochs": {params.epochs(model) for model in models},
        "draws": {params.sampling.noise_seed(params.seed)},
    }.get(given[0], {params.seed})
    if given[0] in ("seeds", "draws", "epochs") and (same := own.intersection(values[0])):
        raise UserError(f"--{given[0]} has {min(same)}, which is that of {paths.PARAMS}")
    for variant in variants:
        measure(tables[0][0], *variant)

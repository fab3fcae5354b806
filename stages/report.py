"""Write report/report.md and report/metrics.json from results and figures alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jinja2
import yaml

from stages.errors import run
from stages.params.reader import load, validate
from stages.params.whole import Params
from stages.results import RESULTS, ModelResults, read_json, read_model

OUTPUT = Path("report")
PUBLISHED = Path("report/published/scores.yaml")
INCEPTION_NOTE = Path("data/inception/README.txt")
PUBLISHED_EPOCHS, PUBLISHED_IMAGES, PUBLISHED_SAMPLES = 75, 48_000, 1000
HEADLINE = (
    "is",
    "is_std",
    "is_published_definition",
    "is_published_definition_std",
    "fid",
    "inception_fid",
    "kid",
    "kid_std",
    "precision",
    "recall",
    "density",
    "coverage",
    "class_distance",
    "nearest_training_distance",
)
RESTORATION = ("psnr", "ssim", "is", "fid")  # of every way to restore, for impulse models


def summary(models: list[ModelResults], floor: dict, accuracy: float) -> dict[str, Any]:
    """metrics.json: <model>.<metric> of the best checkpoint, `real` at the same N, classifier.

    An impulse model has <model>.restoration.<way>.<metric> too, by sampler, in one step, by the
    median filter, and of the degraded images themselves.
    """
    metrics: dict[str, Any] = {"classifier": {"accuracy": accuracy}}
    metrics["real"] = {key: floor[key] for key in HEADLINE if key in floor}
    for model in models:
        entry = {
            "best_epoch": model.best["epoch"],
            "validation_loss": min(row["validation_loss"] for row in model.history),
        }
        entry |= {key: model.main[key] for key in HEADLINE if key in model.main}
        if model.kind == "impulse":
            entry["restoration"] = {
                way: {key: scores[key] for key in RESTORATION if key in scores}
                for way, scores in model.best["sets"].items()
            }
        metrics[model.name] = entry
    return metrics


def number(value: float | None, digits: int = 3) -> str:
    """`digits` significant digits; a dash where there is no number."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def interval(scores: dict[str, float], key: str) -> str:
    """A score with its 95 % interval."""
    value = scores[key]
    low, high = value - scores[f"{key}_below"], value + scores[f"{key}_above"]
    return f"{number(value)} [{number(low)}, {number(high)}]"


def main() -> None:
    params = validate(load(), Params)
    models = [read_model(name, block.degradation.kind) for name, block in params.models.items()]
    floor = read_json(RESULTS / "reference" / "scores.json")
    classifier = read_json(RESULTS / "classifier" / "scores.json")
    metrics = summary(models, floor, classifier["accuracy"])
    budget = params.training.epochs * params.training.images
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(OUTPUT),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (Markdown, from numbers and validated names)
    )
    environment.filters |= {"number": number}
    text = environment.get_template("template.md.j2").render(
        params=params,
        models=models,
        floor=floor,
        classifier=classifier,
        published=yaml.safe_load(PUBLISHED.read_text()),
        inception_note=INCEPTION_NOTE.read_text().strip(),
        interval=interval,
        share_of_budget=budget / (PUBLISHED_EPOCHS * PUBLISHED_IMAGES),
        complete=budget >= PUBLISHED_EPOCHS * PUBLISHED_IMAGES
        and params.sampling.images >= PUBLISHED_SAMPLES,
    )
    (OUTPUT / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    (OUTPUT / "report.md").write_text(text, encoding="utf-8")
    print(f"report: {(OUTPUT / 'report.md').resolve()}")


if __name__ == "__main__":
    run(main)

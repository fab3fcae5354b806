"""Write report.md, report.html and metrics.json in report/ from results and figures alone."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from diffusion.runtime.errors import run

# isort: split
import jinja2
import yaml

from diffusion.params import Params
from diffusion.reporting import findings, page
from diffusion.reporting.results import RESULTS, ModelResults, read_csv, read_json, read_model
from diffusion.runtime import cli as arguments
from diffusion.runtime.params import load, validate

OUTPUT = Path("report")
PUBLISHED = Path("report/published/scores.yaml")
INCEPTION_NOTE = Path("data/inception/README.txt")
PACKAGES = ("torch", "torchvision", "torchmetrics", "numpy", "matplotlib", "dvc")
# A ranking needs training as long as that of the first published checkpoint, 10 epochs of 48,000
# images, and as many images as the published scores were said to come from.
CONCLUSIVE_IMAGES, CONCLUSIVE_SAMPLES = 480_000, 1000
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
RESTORATION = ("psnr", "ssim", "rmse", "is", "fid")  # of every way to restore
COMPUTE = Path("report/plots/compute.csv")


def summary(models: list[ModelResults], floor: dict, accuracy: float) -> dict[str, Any]:
    """metrics.json: <model>.<metric> of the best checkpoint, `real` at the same N, classifier.

    A model that restores has <model>.restoration.<way>.<metric> too, by sampler, in one step, by
    the median filter, and of the degraded images themselves.
    """
    metrics: dict[str, Any] = {"classifier": {"accuracy": accuracy}}
    metrics["real"] = {key: floor[key] for key in HEADLINE if key in floor}
    for model in models:
        entry = {
            "best_epoch": model.best["epoch"],
            "validation_loss": min(row["validation_loss"] for row in model.history),
        }
        entry |= {key: model.main[key] for key in HEADLINE if key in model.main}
        if model.restores:
            entry["restoration"] = {
                way: {key: scores[key] for key in RESTORATION if key in scores}
                for way, scores in model.best["sets"].items()
            }
        metrics[model.name] = entry
    return metrics


def training_compute(models: list[ModelResults]) -> dict[str, float]:
    """Multiply-adds of training until the best checkpoint, by model, as figures has counted."""
    spent = {(row["model"], int(row["epoch"])): row for row in read_csv(COMPUTE)}
    return {m.name: float(spent[m.name, m.best["epoch"]]["multiply_adds"]) for m in models}


def trained_on(models: list[ModelResults]) -> dict[str, list[str]]:
    """Device, precision and versions in words -> the models trained with them."""
    found: dict[str, list[str]] = {}
    for model in models:
        r = model.run
        device = f"{r['processes']} × {r['device']}" if r["processes"] > 1 else r["device"]
        versions = f"Python {r['python']}, torch {r['torch']}"
        words = ", ".join((device, r["precision"], r["system"], versions))
        found.setdefault(words, []).append(model.name)
    return found


def commit() -> str:
    """The last commit that changed code or parameters, and whether they were changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        these = ("--", "diffusion", "stages", "params.yaml", "dvc.yaml")
        changed = git("status", "--porcelain", *these)
        last = git("log", "-1", "--format=%H", *these)[:10] or "none yet"
        return last + " with uncommitted changes" * bool(changed)
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "none: not a git repository"


def environment(folder: Path) -> jinja2.Environment:
    """Templates of the report; HTML is escaped, Markdown is escaped when it becomes HTML."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=jinja2.select_autoescape(["html.j2"]),
    )
    for filter in (findings.number, findings.names, findings.duration):
        templates.filters[filter.__name__] = filter
    return templates


def main() -> None:
    arguments.none(__doc__, "report")
    params = validate(load(), Params)
    models = [read_model(name, block) for name, block in params.models.items()]
    floor = read_json(RESULTS / "reference" / "scores.json")
    classifier = read_json(RESULTS / "classifier" / "scores.json")
    published = yaml.safe_load(PUBLISHED.read_text())
    metrics = summary(models, floor, classifier["accuracy"])
    seen = params.training.epochs * params.training.images
    conclusive = seen >= CONCLUSIVE_IMAGES and params.sampling.images >= CONCLUSIVE_SAMPLES
    compute = training_compute(models)
    templates = environment(OUTPUT)
    text = templates.get_template("template.md.j2").render(
        params=params,
        models=models,
        trained_on=trained_on(models),
        floor=floor,
        classifier=classifier,
        published=published,
        inception_note=INCEPTION_NOTE.read_text().strip(),
        interval=findings.interval,
        collapse=findings.collapse,
        sampled_or_direct=findings.sampled_or_direct,
        share_of_budget=seen / (published["epochs"] * published["images"]),
        complete=seen >= published["epochs"] * published["images"]
        and params.sampling.images >= published["samples"],
        conclusive=conclusive,
        findings=list(findings.findings(models, floor, published["models"])) if conclusive else [],
        compute=compute,
        beyond=list(findings.beyond(models, floor, compute, published["models"])),
        figures={path.name for path in (OUTPUT / "figures").iterdir()},
        commit=commit(),
        packages={"Python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    )
    text = re.sub(r"\n{3,}", "\n\n", text)
    (OUTPUT / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    (OUTPUT / "report.md").write_text(text, encoding="utf-8")
    html = page.render(text, OUTPUT, templates.get_template("page.html.j2"), metrics)
    (OUTPUT / "report.html").write_text(html, encoding="utf-8")
    print(f"report: {(OUTPUT / 'report.html').resolve()}")


if __name__ == "__main__":
    run(main)

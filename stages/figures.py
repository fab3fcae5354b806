"""Draw every figure of the report from results alone; nothing is trained or sampled here."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stages.diffusion import checkpoints, data, degradations, plotting
from stages.diffusion.randomness import generator
from stages.errors import run
from stages.params.figures import Figures
from stages.params.models import Models
from stages.params.reader import Seed, read
from stages.results import RESULTS, ModelResults, read_csv, read_json, read_model

OUTPUT = Path("report/figures")
PLOTS = Path("report/plots")
PUBLISHED = Path("report/published")
EXAMPLES = 8  # images in a row of a strip
FIGURE_1_STEPS = (0, 50, 100, 250, 500, 750, 999)  # of T = 1000, as in figure 1
FIGURE_8_STEPS = (0, 25, 50, 75, 100, 125, 149)  # of T = 150, as in figure 8
RESTORATION = ("original", "degraded", "one_step", "naive", "improved")


def strip(
    process: degradations.Gaussian | degradations.Impulse, image: Tensor, seed: int
) -> tuple[np.ndarray, list[str]]:
    """One image at growing t with one random field: (7, 28, 28) levels, and labels."""
    gaussian = isinstance(process, degradations.Gaussian)
    shown, of = (FIGURE_1_STEPS, 1000) if gaussian else (FIGURE_8_STEPS, 150)
    steps = [round(t * process.T / of) for t in shown]
    x_0 = data.to_pixels(image)
    field = process.field(x_0, generator("cpu", seed, "figures"))
    states = torch.cat([process.degrade(x_0, field, t) for t in steps])
    values = schedule_of(process)
    # At t = 0 the image is shown clean, whatever equation 17 says of rho_0.
    labels = [f"{values[t]:.3g}" if gaussian or t else "clean" for t in steps]
    return data.to_levels(states)[:, 0].numpy(), labels


def progress(name: str, key: str | None = None) -> tuple[list[np.ndarray], list[str]]:
    """The first images of every checkpoint, by epoch: of the report's sampler, or of set `key`."""
    rows, labels = [], []
    for path in sorted((RESULTS / "samples" / name).glob("epoch_*.safetensors")):
        tensors, description = checkpoints.load(path)
        rows.append(tensors[key or description["main"]][:EXAMPLES, 0].numpy())
        best = " (best)" if "best" in description["roles"] else ""
        labels.append(f"epoch {description['epoch']}{best}")
    return rows, labels


def best_samples(model: ModelResults) -> dict[str, Tensor]:
    """Image sets of the best checkpoint."""
    path = RESULTS / "samples" / model.name / f"epoch_{model.best['epoch']:03d}.safetensors"
    return checkpoints.load(path)[0]


def best_predictions(model: ModelResults) -> np.ndarray:
    """Predicted digit of each image that the score counts, in order."""
    return np.array(
        [
            int(row["digit"])
            for row in model.predictions
            if int(row["epoch"]) == model.best["epoch"] and row["set"] == model.best["main"]
        ]
    )


def digits(model: ModelResults, count: int) -> tuple[list[np.ndarray], list[str]]:
    """`count` rows of the digits 0-9 as the classifier sees them: the first ones, unselected.

    A digit that the model never made stays white.
    """
    images, predicted = best_samples(model)[model.best["main"]], best_predictions(model)
    rows = np.full((count, 10, *images.shape[2:]), 255, np.uint8)
    for digit in range(10):
        found = images[np.flatnonzero(predicted == digit)[:count], 0].numpy()
        rows[: len(found), digit] = found
    return list(rows), [""] * count


def schedule_of(process: degradations.Gaussian | degradations.Impulse) -> np.ndarray:
    """alpha_bar or impulse density for t = 0..T."""
    values = process.alpha_bar if isinstance(process, degradations.Gaussian) else process.density
    return values.numpy()


def loss_curve(model: ModelResults) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(epoch, training loss, validation loss)."""
    columns = ("epoch", "train_loss", "validation_loss")
    epoch, training, validation = (np.array([row[c] for row in model.history]) for c in columns)
    return epoch, training, validation


def fid_points(model: ModelResults) -> list[tuple[str, float, float, float]]:
    """(label, FID, below, above) for each scored checkpoint."""
    points = []
    for point in model.checkpoints:
        scores = point["sets"][point["main"]]
        other = [role for role in point["roles"] if not role.startswith("epoch")]
        label = "\n".join([f"epoch {point['epoch']}", *other])
        points.append((label, scores["fid"], scores["fid_below"], scores["fid_above"]))
    return points


def published_curves() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Loss curves of the published report, as far as their numbers are known."""
    rows = read_csv(PUBLISHED / "losses_model3.csv")
    columns = [np.array([float(row[key]) for row in rows]) for key in rows[0]]
    return {"model3": (columns[0], columns[1], columns[2])}


def write_plots(models: Iterable[ModelResults]) -> None:
    """Long tables for `dvc plots`: loss by epoch, FID by checkpoint."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    with (PLOTS / "loss.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("model", "epoch", "train_loss", "validation_loss"))
        for model in models:
            for row in model.history:
                table.writerow(
                    (model.name, int(row["epoch"]), row["train_loss"], row["validation_loss"])
                )
    with (PLOTS / "fid.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("model", "epoch", "fid"))
        for model in models:
            for point in model.checkpoints:
                table.writerow((model.name, point["epoch"], point["sets"][point["main"]]["fid"]))


def main() -> None:
    params = read("figures", Figures)
    config = read("models", Models)
    seed = read("seed", Seed)
    models = [read_model(name, block.degradation.kind) for name, block in config.items()]
    colours = {model.name: plotting.colour(i) for i, model in enumerate(models)}
    floor = read_json(RESULTS / "reference" / "scores.json")
    confusion = np.array(read_json(RESULTS / "classifier" / "scores.json")["confusion"])
    reference, _ = checkpoints.load(RESULTS / "reference" / "features.safetensors")
    frequencies = reference["frequencies"].numpy()
    checkpoints.empty(OUTPUT)
    drawn = []

    def save(figure: plotting.Figure, name: str) -> None:
        plotting.save(figure, OUTPUT / f"{name}.png", params.dpi)
        drawn.append(name)

    processes = {n: degradations.build(b.degradation.model_dump()) for n, b in config.items()}
    image = data.images("test")[:1]
    for name, process in processes.items():
        states, labels = strip(process, image, seed)
        symbol = r"$\bar\alpha_t$" if isinstance(process, degradations.Gaussian) else r"$\rho_t$"
        save(plotting.image_rows([states], [symbol], labels), f"degradation_{name}")

    groups = {kind: [m for m in models if m.kind == kind] for kind in ("gaussian", "impulse")}
    for kind, group in groups.items():
        if not group:
            continue
        schedule = {m.name: schedule_of(processes[m.name]) for m in group}
        symbol = r"$\bar\alpha_t$" if kind == "gaussian" else r"impulse density $\rho_t$"
        save(plotting.schedules(schedule, colours, symbol), f"schedule_{kind}")
        curves = {m.name: loss_curve(m) for m in group}
        save(
            plotting.losses(curves, colours, published_curves(), params.loss_scale), f"loss_{kind}"
        )
        shares = {
            m.name: np.bincount(best_predictions(m), minlength=10) / len(best_predictions(m))
            for m in group
        }
        save(plotting.class_histogram(shares, colours, frequencies), f"classes_{kind}")

    for name, group in {**groups, "all": models}.items():
        if group:
            series = {m.name: fid_points(m) for m in group}
            label = "FID, classifier features"
            figure = plotting.scores_by_checkpoint(series, colours, floor["fid"], label)
            save(figure, f"fid_{name}")

    for model in models:
        save(plotting.image_rows(*progress(model.name)), f"progress_{model.name}")
        save(
            plotting.image_rows(
                *digits(model, params.examples_per_digit), [str(d) for d in range(10)]
            ),
            f"digits_{model.name}",
        )
        sets = best_samples(model)
        if model.kind == "impulse":
            improved = plotting.image_rows(*progress(model.name, "improved"))
            save(improved, f"progress_improved_{model.name}")
            order = [key for key in RESTORATION if key in sets]
            rows = [sets[key][:EXAMPLES, 0].numpy() for key in order]
            save(
                plotting.image_rows(rows, [key.replace("_", " ") for key in order]),
                f"restoration_{model.name}",
            )
    save(plotting.confusion(confusion), "confusion")
    write_plots(models)
    print(f"figures: {len(drawn)} figures in {OUTPUT}")


if __name__ == "__main__":
    run(main)

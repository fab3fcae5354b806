"""Draw every figure of the report from results alone; nothing is trained or sampled here."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diffusion.runtime.errors import run

# isort: split
import numpy as np
import torch
import yaml
from torch import Tensor

from diffusion import image_sets
from diffusion import mnist as data
from diffusion.models import cnn as network
from diffusion.models import degradations
from diffusion.models.params import Model, Models
from diffusion.reporting import plotting
from diffusion.reporting.flops import TRAINING, multiply_adds
from diffusion.reporting.intervals import wilson
from diffusion.reporting.params import Figures
from diffusion.reporting.results import RESULTS, ModelResults, read_csv, read_json, read_model
from diffusion.runtime import checkpoints
from diffusion.runtime import cli as arguments
from diffusion.runtime.params import Seed, read
from diffusion.runtime.rng import generator

OUTPUT = Path("report/figures")
PLOTS = Path("report/plots")
PUBLISHED = Path("report/published")
STYLE = Path("report/style.mplstyle")
EXAMPLES = 8  # images in a row of a strip
SHEET = 100  # images of a contact sheet
STATES = 11  # of a reverse process, in a strip
FILM_COLUMNS, FILM_SECONDS = 4, 5
FIGURE_1_STEPS = (0, 50, 100, 250, 500, 750, 999)  # of T = 1000, as in figure 1
FIGURE_8_STEPS = (0, 25, 50, 75, 100, 125, 149)  # of T = 150, as in figure 8
RESTORATION = ("original", "degraded", "one_step", "naive", "improved")
SYMBOLS = {  # of what grows or falls with t
    "gaussian": r"$\bar\alpha_t$",
    "impulse": r"density $\rho_t$",
    "blur": "standard deviation in pixels",
    "pixelation": "side of a square in pixels",
    "fading": "width in pixels",
}
LOSSES = {"v": "mean squared error of v", "categorical": "cross-entropy"}
ERRORS = {  # of a prediction, whose losses compare with those of no other
    "eps": "error of the noise",
    "x_0": "error of the clean image",
    "v": "error of v",
    "categorical": "cross-entropy of grey levels",
}


class Gallery:
    """Where figures go; an emptied folder, so that a removed model leaves none behind."""

    def __init__(self, folder: Path, dpi: int) -> None:
        self.folder, self.dpi = checkpoints.empty(folder), dpi

    def pixels(self, name: str, figure: plotting.Figure) -> None:
        """A figure made of images: PNG."""
        plotting.save(figure, self.folder / f"{name}.png", self.dpi, vector=False)

    def lines(self, name: str, figure: plotting.Figure) -> None:
        """A figure made of lines and bars: PNG and SVG."""
        plotting.save(figure, self.folder / f"{name}.png", self.dpi, vector=True)


def by_kind(models: list[ModelResults]) -> dict[str, list[ModelResults]]:
    """The kinds of model that there are."""
    groups = {kind: [m for m in models if m.kind == kind] for kind in SYMBOLS}
    return {kind: group for kind, group in groups.items() if group}


def schedule_of(process: degradations.Process) -> np.ndarray:
    """alpha_bar, or what else the kind of degradation is graded by, for t = 0..T."""
    match process:
        case degradations.Gaussian():
            return process.alpha_bar.numpy()
        case degradations.Impulse():
            return process.density.numpy()
        case degradations.Blur():
            return process.std.numpy()
        case degradations.Pixelation():
            return np.array([1, *process.sides])
        case degradations.Fading():
            return process.widths.numpy()


def degrade(
    process: degradations.Process, image: Tensor, seed: int
) -> tuple[np.ndarray, list[str]]:
    """One image at growing t with one random field: (7, 28, 28) levels, or fewer where there are
    fewer steps, and labels."""
    gaussian = isinstance(process, degradations.Gaussian)
    shown, of = (FIGURE_1_STEPS, 1000) if gaussian else (FIGURE_8_STEPS, 150)
    steps = sorted({round(t * process.T / of) for t in shown})
    x_0 = data.to_pixels(image)
    field = process.field(x_0, generator("cpu", seed, "figures"))
    states = torch.cat([process.degrade(x_0, field, t) for t in steps])
    values = schedule_of(process)
    # At t = 0 the image is shown clean, whatever equation 17 says of rho_0.
    labels = [f"{values[t]:.3g}" if gaussian or t else "clean" for t in steps]
    return data.to_levels(states)[:, 0].numpy(), labels


def draw_degradations(
    gallery: Gallery, config: dict[str, Model], colours: dict[str, str], seed: int
) -> None:
    """Figures 1, 7 and 8; models of one degradation share a row."""
    image = data.images("test")[:1]
    for kind, symbol in SYMBOLS.items():
        group = {n: m.degradation for n, m in config.items() if m.degradation.kind == kind}
        if not group:
            continue
        processes = {n: degradations.build(d.model_dump()) for n, d in group.items()}
        rows = {
            "\n".join(n for n in group if group[n] == degradation): processes[name]
            for name, degradation in group.items()
        }
        strips, labels = zip(*(degrade(p, image, seed) for p in rows.values()), strict=True)
        gallery.pixels(
            f"degradation_{kind}", plotting.image_rows(strips, list(rows), captions=labels)
        )
        schedules = {n: schedule_of(p) for n, p in processes.items()}
        gallery.lines(f"schedule_{kind}", plotting.schedules(schedules, colours, symbol))


def column(model: ModelResults, key: str) -> np.ndarray:
    return np.array([row[key] for row in model.history])


def published_losses(published: dict[str, Any]) -> dict[str, tuple[np.ndarray, ...]]:
    """model -> (epoch, training, validation), as far as the numbers are known."""
    known = {}
    for name, entry in published["models"].items():
        points = {1: entry["first_epoch"]} if "first_epoch" in entry else {}
        if "validation_loss" in entry:
            points[entry["best_epoch"]] = [np.nan, entry["validation_loss"]]
        if points:
            known[name] = (np.array(list(points)), *np.array(list(points.values())).T)
    rows = read_csv(PUBLISHED / "losses_model3.csv")
    return known | {"model3": tuple(np.array([float(r[key]) for r in rows]) for key in rows[0])}


def draw_losses(
    gallery: Gallery,
    models: list[ModelResults],
    colours: dict[str, str],
    published: dict[str, Any],
    params: Figures,
) -> None:
    """Figures 2 and 10, and the validation loss against images seen and against time."""
    theirs = published_losses(published)
    for kind, group in by_kind(models).items():
        own, beside = {}, {}
        for m in group:
            epoch = column(m, "epoch")
            own[m.name] = (epoch, column(m, "train_loss"), column(m, "validation_loss"))
            # By epoch, like stands beside like: not where an epoch has other images.
            if m.name in theirs and m.history[0]["images"] > 0.99 * published["images"]:
                known = theirs[m.name][0] <= epoch[-1]
                beside[m.name] = tuple(values[known] for values in theirs[m.name])
        labels = {m.name: LOSSES.get(m.prediction, "mean squared error") for m in group}
        figure = plotting.losses(own, colours, beside, labels, params.loss_scale)
        gallery.lines(f"loss_{kind}", figure)
    by_images: dict[str, dict[str, plotting.Curve]] = {}
    by_time: dict[str, dict[str, plotting.Curve]] = {}
    for m in models:
        title, loss = ERRORS[m.prediction], column(m, "validation_loss")
        by_images.setdefault(title, {})[m.name] = (column(m, "images"), loss)
        if m.seconds:
            by_time.setdefault(title, {})[m.name] = (np.array(m.seconds) / 60, loss)
    grey = {name: (p[0] * published["images"], p[2]) for name, p in theirs.items()}
    y = "validation loss"
    gallery.lines(
        "loss_by_images",
        plotting.curves(
            by_images, colours, ("training images seen", y), ("log", params.loss_scale), grey
        ),
    )
    if by_time and params.wall_clock:
        figure = plotting.curves(
            by_time, colours, ("minutes of training", y), ("linear", params.loss_scale), {}
        )
        gallery.lines("loss_by_time", figure)


def points(model: ModelResults, key: str) -> list[plotting.Point]:
    """(label, score, below, above) for each scored checkpoint."""
    found = []
    for checkpoint in model.checkpoints:
        scores = checkpoint["sets"][checkpoint["main"]]
        other = [role for role in checkpoint["roles"] if not role.startswith("epoch")]
        label = "\n".join([f"epoch {checkpoint['epoch']}", *other])
        interval = [scores.get(f"{key}_{side}", 0.0) for side in ("below", "above")]
        found.append((label, scores[key], *interval))
    return found


def published_fid(model: ModelResults, published: dict[str, Any]) -> list[list[float]]:
    """For each scored checkpoint the published values of the same roles."""
    entry = published["models"].get(model.name, {})
    if "fid" not in entry:
        return [[] for _ in model.checkpoints]
    epochs = {"best": entry["best_epoch"], "last": published["epochs"]}
    return [
        [entry["fid"][epochs.get(role, published["early_epoch"])] for role in checkpoint["roles"]]
        for checkpoint in model.checkpoints
    ]


def draw_scores(
    gallery: Gallery,
    models: list[ModelResults],
    colours: dict[str, str],
    published: dict[str, Any],
) -> None:
    """Figures 3, 6, 11, 12 and 14; KID, Inception FID, class frequencies and confusions."""
    floor = read_json(RESULTS / "reference" / "scores.json")
    theirs = {m.name: published_fid(m, published) for m in models}

    def bars(name: str, group: list[ModelResults], key: str, label: str, beside: dict) -> None:
        series = {m.name: points(m, key) for m in group}
        figure = plotting.scores_by_checkpoint(series, colours, floor[key], label, beside)
        gallery.lines(name, figure)

    for name, group in {**by_kind(models), "all": models}.items():
        bars(f"fid_{name}", group, "fid", "FID, classifier features", theirs)
    bars("kid", models, "kid", "KID, classifier features", {})
    if "inception_fid" in floor:
        bars("inception_fid", models, "inception_fid", "FID, Inception features", theirs)

    reference, _ = checkpoints.load(RESULTS / "reference" / "features.safetensors")
    real = reference["frequencies"].numpy()
    counts = {
        m.name: np.bincount([int(r["digit"]) for r in m.best_predictions], minlength=10)
        for m in models
    }
    for kind, group in by_kind(models).items():
        shares = {m.name: counts[m.name] / counts[m.name].sum() for m in group}
        gallery.lines(f"classes_{kind}", plotting.class_histogram(shares, colours, real))
    ratios = {}
    for name, count in counts.items():
        low, high = wilson(count, count.sum())
        ratios[name] = (low / real, count / count.sum() / real, high / real)
    gallery.lines("calibration", plotting.calibration(ratios, colours))
    confusion = read_json(RESULTS / "classifier" / "scores.json")["confusion"]
    gallery.lines("confusion", plotting.confusion(np.array(confusion)))


def draw_steps(gallery: Gallery, models: list[ModelResults], colours: dict[str, str]) -> None:
    """Scores of strided sampling by steps and eta, beside the sampler that the report uses."""
    studied = [m for m in models if m.steps]
    if studied:
        figure = plotting.step_study(
            {m.name: m.steps for m in studied},
            {m.name: m.main for m in studied},
            colours,
            {"fid": "FID, classifier features", "is": "IS"},
        )
        gallery.lines("steps", figure)


def progress(name: str, key: str | None = None) -> tuple[list[np.ndarray], list[str]]:
    """The first images of every checkpoint, by epoch: of the report's sampler, or of set `key`."""
    rows, labels = [], []
    for path in sorted((RESULTS / "samples" / name).glob("epoch_*")):
        sets, description = image_sets.load(path)
        rows.append(sets[key or description["main"]][:EXAMPLES, 0].numpy())
        best = " (best)" if "best" in description["roles"] else ""
        labels.append(f"epoch {description['epoch']}{best}")
    return rows, labels


def digits(images: np.ndarray, predicted: np.ndarray, count: int) -> list[np.ndarray]:
    """`count` rows of the digits 0-9 as the classifier sees them: the first ones, unselected.

    A digit that the model never made stays white.
    """
    rows = np.full((count, 10, *images.shape[1:]), 255, np.uint8)
    for digit in range(10):
        found = images[np.flatnonzero(predicted == digit)[:count]]
        rows[: len(found), digit] = found
    return list(rows)


def draw_film(gallery: Gallery, name: str) -> None:
    """The reverse process of one model: a strip of its states, and an animation."""
    films, description = image_sets.load(RESULTS / "samples" / name / "film.npz")
    rows, labels, captions = [], [], []
    for sampler, states in sorted(films.items(), reverse=True):  # naive before improved
        frames, steps = states[:, :, 0].numpy(), description["steps"][sampler]
        chosen = np.linspace(0, len(frames) - 1, min(STATES, len(frames))).round().astype(int)
        for image in range(min(2, frames.shape[1])):
            rows.append(frames[chosen, image])
            labels.append(sampler)
            captions.append([f"t = {steps[i]}" for i in chosen])
    gallery.pixels(f"reverse_{name}", plotting.image_rows(rows, labels, captions=captions))
    grids = [films[sampler][:, :, 0].numpy() for sampler in sorted(films, reverse=True)]
    plotting.save_film(gallery.folder / f"film_{name}.png", grids, FILM_COLUMNS, FILM_SECONDS)


def draw_images(gallery: Gallery, model: ModelResults, examples: int) -> None:
    """Figures 4, 5, 9, 13 and 15; what one model makes, seen in other ways."""
    name, main = model.name, model.best["main"]
    path = RESULTS / "samples" / name / f"epoch_{model.best['epoch']:03d}.npz"
    sets = {key: images[:, 0].numpy() for key, images in image_sets.load(path)[0].items()}
    images, rows = sets[main], model.best_predictions
    predicted = np.array([int(row["digit"]) for row in rows])
    gallery.pixels(f"progress_{name}", plotting.image_rows(*progress(name)))
    gallery.pixels(
        f"digits_{name}",
        plotting.image_rows(
            digits(images, predicted, examples), [""] * examples, [str(d) for d in range(10)]
        ),
    )
    sheet = images[:SHEET]
    real = data.images("test")[: len(sheet), 0].numpy()
    gallery.pixels(
        f"samples_{name}", plotting.sheets({f"{name}, {main}": sheet, "real digits": real})
    )
    draw_film(gallery, name)

    count = min(10, len(rows))
    order = sorted(range(len(rows)), key=lambda i: -float(rows[i]["confidence"]))
    ends = {"surest": order[:count], "least sure": order[::-1][:count]}
    captions = [
        [f"{rows[i]['digit']}\n{float(rows[i]['confidence']):.2f}" for i in chosen]
        for chosen in ends.values()
    ]
    shown = [images[chosen] for chosen in ends.values()]
    gallery.pixels(f"confidence_{name}", plotting.image_rows(shown, list(ends), (), captions))

    closest = sorted(range(len(rows)), key=lambda i: float(rows[i]["distance"]))[:count]
    neighbours = data.images("train")[[int(rows[i]["nearest"]) for i in closest], 0].numpy()
    captions = [[""] * count, [f"{float(rows[i]['distance']):.1f}" for i in closest]]
    gallery.pixels(
        f"nearest_{name}",
        plotting.image_rows([images[closest], neighbours], ["image", "nearest"], (), captions),
    )
    if "improved" in sets:
        improved = plotting.image_rows(*progress(name, "improved"))
        gallery.pixels(f"progress_improved_{name}", improved)
        ways = [way for way in RESTORATION if way in sets]
        restored = plotting.image_rows(
            [sets[way][:EXAMPLES] for way in ways], [way.replace("_", " ") for way in ways]
        )
        gallery.pixels(f"restoration_{name}", restored)


def training_compute(model: ModelResults) -> list[tuple[int, float]]:
    """For each scored checkpoint its epoch and the multiply-adds spent in training until then."""
    _, description = checkpoints.load(RESULTS / "models" / model.name / "last.safetensors")
    each = TRAINING * multiply_adds(network.build(description["network"]))
    seen = {row["epoch"]: row["images"] for row in model.history}
    return [(c["epoch"], each * seen[c["epoch"]]) for c in model.checkpoints]


def draw_compute(
    gallery: Gallery, models: list[ModelResults], colours: dict[str, str], floor: float
) -> None:
    """FID of every scored checkpoint against the multiply-adds of training, and its table."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    series = {}
    with (PLOTS / "compute.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("model", "epoch", "multiply_adds", "fid"))
        for model in models:
            spent = training_compute(model)
            found = points(model, "fid")
            for (epoch, adds), (_, fid, *_) in zip(spent, found, strict=True):
                table.writerow((model.name, epoch, f"{adds:.6g}", fid))
            fid, below, above = np.array([score for _, *score in found]).T
            series[model.name] = (np.array([adds for _, adds in spent]), fid, below, above)
    filled = {m.name for m in models if m.generates}
    gallery.lines("compute", plotting.quality(series, colours, filled, floor))


def write_plots(models: Iterable[ModelResults]) -> None:
    """Long tables for `dvc plots`: loss by epoch, scores by checkpoint."""
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
    arguments.none(__doc__, "figures")
    params = read("figures", Figures)
    config = read("models", Models)
    seed = read("seed", Seed)
    models = [read_model(name, block) for name, block in config.items()]
    published = yaml.safe_load((PUBLISHED / "scores.yaml").read_text())
    plotting.use_style(STYLE)
    colours = plotting.colours(list(config))
    gallery = Gallery(OUTPUT, params.dpi)
    draw_degradations(gallery, config, colours, seed)
    draw_losses(gallery, models, colours, published, params)
    draw_scores(gallery, models, colours, published)
    draw_steps(gallery, models, colours)
    floor = read_json(RESULTS / "reference" / "scores.json")["fid"]
    draw_compute(gallery, models, colours, floor)
    for model in models:
        draw_images(gallery, model, params.examples_per_digit)
    write_plots(models)
    print(f"figures: {len(list(OUTPUT.glob('*.png')))} figures in {OUTPUT}")


if __name__ == "__main__":
    run(main)

"""Draw every figure of the report, and write the tables behind them, from results alone."""

from __future__ import annotations

from diffusion.models.params import read_designs
from diffusion.reporting.figures import (
    classes,
    compute,
    degradations,
    film,
    images,
    losses,
    scores,
    step_study,
)
from diffusion.reporting.params import FiguresParams
from diffusion.reporting.published import read_published
from diffusion.reporting.results import read_model
from diffusion.reporting.style import MEDIA, Gallery, use_style
from diffusion.runtime import checkpoints, cli, files, paths
from diffusion.runtime.errors import run
from diffusion.runtime.params import Seed, read


def main() -> None:
    cli.no_arguments("figures", __doc__)
    params = read("figures", FiguresParams)
    seed = read("seed", Seed)
    designs = read_designs()
    models = [read_model(name, design) for name, design in designs.items()]
    published = read_published()
    real = files.read_json(paths.REAL_SCORES)
    frequencies = checkpoints.load(paths.REAL_FEATURES)[0]["frequencies"].numpy()
    confusion = files.read_json(paths.CLASSIFIER_SCORES)["confusion"]

    use_style(paths.STYLE)
    gallery = Gallery(params.dpi, list(designs))
    degradations.draw(gallery, designs, seed)
    losses.draw(gallery, models, published, params)
    scores.draw(gallery, models, real, published)
    classes.draw(gallery, models, frequencies, confusion)
    step_study.draw(gallery, models)
    compute.draw(gallery, models, real["fid"])
    for model in models:
        images.draw(gallery, model, params.examples_per_digit)
        film.draw(gallery, model.name)
    gallery.write()
    scores.write_table(models)
    print(f"figures: {len(gallery.files)} files in {paths.FIGURES} and {MEDIA}")


if __name__ == "__main__":
    run(main)

"""Draw every figure of the report, and write the tables behind them, from results alone."""

from __future__ import annotations

from hotcold.models.params import read_designs
from hotcold.reporting.figures import (
    classes,
    compute,
    degradations,
    film,
    guidance,
    images,
    losses,
    noise_axis,
    scores,
    step_study,
    style,
)
from hotcold.reporting.figures.params import FiguresParams
from hotcold.reporting.figures.style import Gallery
from hotcold.reporting.reading.measured import NOISE_AXIS, OVERWRITTEN, doses, read_settings
from hotcold.reporting.reading.published import read_published
from hotcold.reporting.reading.results import (
    read_classifier,
    read_frequencies,
    read_model,
    read_real,
)
from hotcold.reporting.reading.sources import MEDIA
from hotcold.runs.stage import stage
from hotcold.runtime import paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import Seed, read
from hotcold.sampling.params import SamplingParams


@stage("figures", __doc__)
def main() -> None:
    params = read("figures", FiguresParams)
    seed = read("seed", Seed)
    designs = read_designs()
    models = [read_model(name, design) for name, design in designs.items()]
    published = read_published({m.name: (m.kind, m.restores) for m in models})
    real, frequencies = read_real(), read_frequencies()
    confusion = read_classifier()["confusion"]
    settings = read_settings()
    shares = doses(models, settings), doses(models, settings, OVERWRITTEN)

    style.use(paths.STYLE)
    gallery = Gallery(params.dpi, list(designs))
    gallery.add_table("models", ("model", "colour"), gallery.colours.items())

    losses.draw(gallery, models, published, params)
    classes.draw(gallery, models, frequencies, confusion, published)
    degradations.draw(gallery, models, published, seed)
    scores.draw(gallery, models, real, published)
    step_study.draw(gallery, models)
    guidance.draw(gallery, models)
    noise_axis.draw(gallery, NOISE_AXIS.rows(settings), shares, models, real)
    compute.draw(gallery, models, real["fid"])
    images.draw_real(gallery)
    for model in models:
        images.draw(gallery, model, params.examples_per_digit)
    sampling = read("sampling", SamplingParams)
    film.draw(gallery, models, sampling.noise_seed(seed), sampling.images)
    gallery.write()
    print(f"figures: {len(gallery.files)} files in {paths.FIGURES}, {MEDIA} and {paths.PLOTS}")


if __name__ == "__main__":
    run(main)

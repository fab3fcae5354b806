"""Write the article (report), its supplement, and scores.json in report/, from results and figures
alone."""

from __future__ import annotations

from typing import Any

from hotcold.numerics.tables import write_json
from hotcold.params import Params
from hotcold.reporting.page import rendering
from hotcold.reporting.reading import provenance
from hotcold.reporting.reading.measured import (
    DRAWS,
    EPOCHS,
    NOISE_AXIS,
    OVERWRITTEN,
    REDRAWN,
    SEEDS,
    by_other_samplers,
    doses,
)
from hotcold.reporting.reading.published import read_citation, read_claims, read_published
from hotcold.reporting.reading.results import (
    by_kind,
    known_and_further,
    read_classifier,
    read_frequencies,
    read_model,
    read_real,
)
from hotcold.reporting.reading.sources import plain
from hotcold.reporting.text import claims, findings, summary, templates
from hotcold.reporting.text.budget import Budget
from hotcold.reporting.text.labels import BIBLIOGRAPHY
from hotcold.runs.stage import stage
from hotcold.runtime import files, paths
from hotcold.runtime.errors import run
from hotcold.runtime.params import load, validate


@stage("report", __doc__)
def main() -> None:
    from hotcold.reporting.page import live  # with PyTorch, which takes seconds

    params = validate(load(), Params)
    scores, context = gather(params)
    running = live.figures(context["models"])
    context["live"] = {kind: running.get(kind, {}).get("model") for kind in live.KINDS}
    environment = templates.environment(paths.TEMPLATES)
    texts = templates.markdown(environment, context, BIBLIOGRAPHY)
    page_texts = templates.markdown(environment, context, BIBLIOGRAPHY, page=True)
    frame, plots = environment.get_template("page.html.j2"), summary.plots()
    pages = {
        name: rendering.render(
            text, paths.REPORT, frame, plots, running, document=name, scores=scores
        )
        for name, text in page_texts.items()
    }
    write_json(paths.SUMMARY, scores)
    for name, text in texts.items():
        files.write(paths.REPORT / f"{name}.md", text.encode())
        files.write(paths.REPORT / f"{name}.html", pages[name].encode())
    print(f"report: {(paths.REPORT / 'report.html').resolve()}")


def gather(params: Params) -> tuple[dict[str, Any], dict[str, Any]]:
    """The scores of scores.json, and the variables of the templates, from results and figures."""
    settings = load()
    models = [read_model(name, block) for name, block in params.models.items()]
    real, frequencies, classifier = read_real(), read_frequencies(), read_classifier()
    published, entries = (
        read_published({m.name: (m.kind, m.restores) for m in models}),
        read_claims(),
    )
    known, further = known_and_further(models, published["models"])
    groups = by_kind(known)
    restoring = [model for model in known if model.restores and not model.generates]
    kept = {model.design.degradation.kept for model in restoring}
    compute = summary.training_compute(models)
    epochs = {name: params.epochs(name) for name in params.models}
    budget = Budget(epochs, params.training.images, params.sampling.images, published)
    again = [row for row in SEEDS.rows(settings) if int(row["seed"]) != params.seed]
    by_name = {model.name: model for model in known}
    evidence = claims.Evidence(by_name, frequencies, classifier, published, again)
    decided = claims.decide(entries["claims"], evidence) if budget.conclusive else []
    tables = (DRAWS, EPOCHS, NOISE_AXIS, OVERWRITTEN, REDRAWN, SEEDS)
    runs = {table: table.rows(settings) for table in tables}
    axes = NOISE_AXIS.rows(settings), by_other_samplers(models, settings)
    found = findings.Results(models, evidence, real, *axes, compute)
    return summary.scores(models, real, classifier["accuracy"]), {
        "params": params,
        "recipes": {name: m.training.model_dump() for name, m in params.models.items()},
        "models": models,
        "known": known,
        "further": further,
        "gaussian": groups.get("gaussian", []),
        "impulse": groups.get("impulse", []),
        "restoring": restoring,
        "kept_pixels": kept.pop() if len(kept) == 1 else None,
        "published_epochs": params.training.images >= 0.99 * published["images"],
        "real": real,
        "frequencies": frequencies,
        "classifier": classifier,
        "published": published,
        "budget": budget,
        "claims": decided,
        "claims_left_out": entries.get("left_out", ()),
        "found": findings.findings(found, budget.conclusive),
        "noise_axis": found.axis,
        "doses": doses(models, settings),
        "overwritten": doses(models, settings, OVERWRITTEN),
        "drawn_again": DRAWS.rows(settings),
        "other_epochs": EPOCHS.rows(settings),
        "trained_again": again,
        "compute": compute,
        "inception_note": plain(files.read_text(paths.INCEPTION_NOTE)),
        "figures": {path.name for path in paths.FIGURES.glob("*")},
        "films": summary.films(models),
        "restored": {m.name: set(m.best["sets"]) | {"original"} for m in models if m.restores},
        "environments": provenance.environments(),
        "of_other_code": provenance.of_other_code(),
        "commit": provenance.commit(*provenance.TEXTS),
        "measured": [row for rows in runs.values() for row in rows],
        "measured_at": provenance.measured(row for rows in runs.values() for row in rows),
        "of_others": [row for table, rows in runs.items() for row in table.of_others(rows)],
        "citation": read_citation(),
        "packages": provenance.packages(),
    }


if __name__ == "__main__":
    run(main)

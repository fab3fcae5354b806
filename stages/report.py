"""Write report.md, report.html and scores.json in report/ from results and figures alone."""

from __future__ import annotations

from diffusion.params import Params
from diffusion.reporting import findings, page, provenance, summary, templates
from diffusion.reporting.budget import Budget
from diffusion.reporting.published import read_published
from diffusion.reporting.results import read_model
from diffusion.runtime import cli, files, paths
from diffusion.runtime.errors import run
from diffusion.runtime.params import load, validate


def main() -> None:
    cli.no_arguments("report", __doc__)
    params = validate(load(), Params)
    models = [read_model(name, block) for name, block in params.models.items()]
    real = files.read_json(paths.REAL_SCORES)
    classifier = files.read_json(paths.CLASSIFIER_SCORES)
    published = read_published()
    scores = summary.scores(models, real, classifier["accuracy"])
    compute = summary.training_compute(models)
    epochs = {name: params.epochs(name) for name in params.models}
    budget = Budget(epochs, params.training.images, params.sampling.images, published)
    known = published["models"]

    context = {
        "params": params,
        "recipes": {name: m.training.model_dump() for name, m in params.models.items()},
        "models": models,
        "real": real,
        "classifier": classifier,
        "published": published,
        "budget": budget,
        "findings": list(findings.findings(models, real, known)) if budget.conclusive else [],
        "beyond": list(findings.beyond(models, real, compute, known)),
        "inception_note": files.read_text(paths.INCEPTION_NOTE).strip(),
        "figures": {path.name for path in paths.FIGURES.glob("*")},
        "trained_on": provenance.trained_on(models),
        "commit": provenance.commit(),
        "packages": provenance.packages(),
    }
    environment = templates.environment(paths.TEMPLATES)
    text = templates.markdown(environment, context)
    page_text = templates.markdown(environment, context, page=True)
    frame = environment.get_template("page.html.j2")
    html = page.render(page_text, paths.REPORT, frame, scores)
    files.write_json(paths.SUMMARY, scores)
    files.write(paths.REPORT / "report.md", text.encode())
    files.write(paths.REPORT / "report.html", html.encode())
    print(f"report: {(paths.REPORT / 'report.html').resolve()}")


if __name__ == "__main__":
    run(main)

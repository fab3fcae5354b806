"""The report as Markdown, from the templates in report/templates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2

from hotcold.reporting.reading import formatting
from hotcold.reporting.reading.results import SAMPLERS
from hotcold.reporting.text import alt_texts, axis, findings, tables, trainings, words
from hotcold.reporting.text.labels import Labels, anchor
from hotcold.reporting.text.settings import settings_table

SECTIONS = (  # of report/templates/sections, in their order
    "abstract",
    "introduction",
    "methods",
    "reproduction",
    "collapse",
    "beyond",
    "discussion",
    "conclusion",
    "references",
    "gallery",
    "provenance",
    "glossary",
)
# A space at which the page must not break a line: as in 95 %, FID ↓ and η = 1.
UNBROKEN = re.compile(r"(?<=[\d\]]) (?=%)|(?<=\w) (?=[↑↓])|(?<=[ηkN]) (?== \d)|(?<=[ηkN] =) (?=\d)")
FILTERS = {
    "number": formatting.number,
    "count": formatting.count,
    "names": formatting.names,
    "markdown_table": tables.markdown_table,
}
FUNCTIONS = (
    axis.between_cold_and_hot,
    formatting.interval,
    findings.choice_of_checkpoint,
    findings.collapse,
    findings.fewest_steps,
    findings.best_churn,
    findings.guidance,
    findings.known_mask,
    findings.memorisation,
    findings.over_training,
    findings.sampled_or_direct,
    findings.samplers_compared,
    tables.appearance_table,
    tables.axis_table,
    tables.claim_rows,
    tables.fid_table,
    tables.inception_table,
    tables.likelihood_rows,
    tables.quality_table,
    tables.restoration_table,
    tables.score_table,
    trainings.seed_rows,
    trainings.unlike_trainings,
    words.command,
    words.described,
    words.gallery_words,
    words.losses_compared,
    words.lowered_rates,
    words.ordered,
    words.same_settings,
    words.score_list,
    words.smallest_losses,
    words.verdicts_counted,
    anchor,
)
GLOBALS = {
    **{function.__name__: function for function in FUNCTIONS},
    "settings_rows": settings_table,
    "alt": alt_texts,
    "gallery": words.GALLERY,
    "samplers": SAMPLERS,
    "sections": SECTIONS,
}


def environment(folder: Path) -> jinja2.Environment:
    """The templates in a folder, and the functions that they use.

    HTML is escaped; Markdown is not, because it is escaped when it becomes HTML.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=jinja2.select_autoescape(["html.j2"]),
    )
    templates.filters |= FILTERS
    templates.globals |= GLOBALS
    return templates


def markdown(
    templates: jinja2.Environment, context: dict[str, Any], bibliography: Path, page: bool = False
) -> str:
    """The report; context: the variables of the templates; bibliography: a BibTeX file.

    page: the text of the HTML page, which has films; git does not hold them.
    """
    labels, template = Labels(bibliography), templates.get_template("report.md.j2")
    for _ in range(2):  # the second rendering knows the numbers of the first
        labels.start()
        text = template.render(context, page=page, labels=labels)
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)  # the templates leave empty lines
    return UNBROKEN.sub("\N{NO-BREAK SPACE}", text) if page else text

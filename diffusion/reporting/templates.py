"""The report as Markdown, from the template report/templates/report.md.j2."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2

from diffusion.reporting import findings, formatting
from diffusion.reporting.published import published_fids
from diffusion.reporting.results import SAMPLERS, main_scores
from diffusion.reporting.settings import settings_table

FILTERS = {
    "number": formatting.number,
    "names": formatting.names,
    "duration": formatting.duration,
    "main_scores": main_scores,
}
GLOBALS = {
    "interval": formatting.interval,
    "choice_of_checkpoint": findings.choice_of_checkpoint,
    "collapse": findings.collapse,
    "fewest_steps": findings.fewest_steps,
    "sampled_or_direct": findings.sampled_or_direct,
    "published_fids": published_fids,
    "settings_table": settings_table,
    "samplers": SAMPLERS,
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


def markdown(templates: jinja2.Environment, context: dict[str, Any], page: bool = False) -> str:
    """The report; context: the variables of the template.

    page: the text of the HTML page, which has animations; git does not hold them.
    """
    text = templates.get_template("report.md.j2").render(context, page=page)
    return re.sub(r"\n{3,}", "\n\n", text)  # the template leaves empty lines

"""The report as Markdown, from the templates in report/templates."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2

from hotcold.reporting.reading import formatting
from hotcold.reporting.reading.results import samplers
from hotcold.reporting.text import comparisons, findings, settings, tables, trainings, words
from hotcold.reporting.text.labels import ARTICLE, DOCUMENTS, Labels, anchor

# A space at which the page must not break a line: as in 95 %, FID ↓, η = 1, 9 ± 1 and [1, 2].
UNBROKEN = re.compile(
    r"(?<=[\d\]]) (?=%)|(?<=\w) (?=[↑↓])|(?<=[ηδkN]) (?== \d)|(?<=[ηδkN] =) (?=\d)"
    r"|(?<=\d) (?=±)|(?<=±) (?=\d)|(?<=\d,) (?=[−+\d.]+\])"
)

WORDS_A_MINUTE = 220  # that a person reads


def sha256(text: str) -> str:
    """As the Content-Security-Policy of a page has it for a script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


FILTERS = {
    "sha256": sha256,
    "number": formatting.number,
    "count": formatting.count,
    "names": formatting.names,
    "markdown_table": tables.markdown_table,
}
GLOBALS = {
    "comparisons": comparisons,
    "findings": findings,
    "formatting": formatting,
    "settings": settings,
    "tables": tables,
    "trainings": trainings,
    "words": words,
    "anchor": anchor,
    "samplers": samplers(),
}


def environment(folder: Path) -> jinja2.Environment:
    """The templates in a folder, and the modules that they use.

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
) -> dict[str, str]:
    """The article and its supplement by name; context: the variables of the templates;
    bibliography: a BibTeX file.

    page: the texts of the HTML pages, which have films; git does not hold them.
    """
    labels, texts = Labels(bibliography, "html" if page else "md"), dict.fromkeys(DOCUMENTS, "")
    for _ in range(2):  # the second rendering knows the numbers of the first
        labels.start()
        minutes = round(
            len(texts[ARTICLE].partition("\n## References")[0].split()) / WORDS_A_MINUTE
        )
        for name in DOCUMENTS:
            labels.open(name)
            template = templates.get_template(f"{name}.md.j2")
            text = template.render(context, page=page, labels=labels, minutes=minutes)
            text = re.sub(r" +$", "", text, flags=re.MULTILINE)
            text = re.sub(r"\n{3,}", "\n\n", text)  # the templates leave empty lines
            texts[name] = UNBROKEN.sub("\N{NO-BREAK SPACE}", text) if page else text
    return texts

"""The report as one self-contained HTML page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from hotcold.reporting.reading.sources import MEDIA
from hotcold.runtime import files, paths
from hotcold.runtime.errors import UserError

CAPTION = {  # the tokens that a caption has instead of those of a paragraph
    "paragraph_open": [Token("caption_open", "caption", 1), Token("span_open", "span", 1)],
    "paragraph_close": [Token("span_close", "span", -1), Token("caption_close", "caption", -1)],
}
FORMULA = re.compile(
    r'<span class="math inline">(?:(?!</span>).)*</span>[,.;:)]+'
)  # with punctuation
TAG = re.compile(r"\\tag\{(\w+)\}")
CONTAINERS = {  # a fence of colons -> the start of an element, of which {} is the rest of its line
    "figure": '<figure id="{}">',
    "caption": "<figcaption>",
    "sources": '<div class="sources" data-tables="{}">',
    "table": '<div class="wide" id="{}">',
    "algorithm": '<section class="algorithm" id="{}">',
    "arrows": '<div class="arrows">',
    "film": '<div class="film" data-steps="{}">',
    "compare": '<div class="compare">',
    "explorer": '<div class="explorer">',
    "live": '<div class="live" data-kind="{}">',
    "tabs": '<div class="tabs">',
    "tab": '<section class="tab" data-name="{}">',
    "reference": '<div class="reference" id="{}">',
}


def render(
    text: str,
    folder: Path,
    template: jinja2.Template,
    tables: Mapping[str, str],
    live: Mapping[str, Any],
    **data: Any,
) -> str:
    """Markdown -> HTML. folder: where relative links to images start. tables: name -> CSV, which
    the page can save and draw. live: live figures and their models, see `live.figures`. Of both,
    the page has those that it shows. data: further variables of the template.

    HTML in the Markdown is escaped. Raises UserError if an image or a table is missing.
    """
    markdown = parser()
    tokens = markdown.parse(text)
    embed(tokens, folder)
    shown = {kind: set[str]() for kind in CONTAINERS}  # the words after each kind of container
    for token in tokens:
        kind, _, rest = token.info.strip().partition(" ")
        if token.type == f"container_{kind}_open":
            shown[kind] |= set(rest.split()) or {kind}
    used = shown["sources"] - {"sources"} | ({"loss", "models"} if shown["explorer"] else set())
    if missing := sorted(used - set(tables)):
        raise UserError(f"{paths.PLOTS / missing[0]}.csv is missing: run dvc repro")
    name_rows(tokens)
    tokens = list(with_captions(tokens))
    contents = [
        {"id": opening.attrs["id"], "title": inline.children[0].content}
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open" and opening.tag == "h2" and inline.children
    ]
    title = next(token.content for token in tokens if token.type == "inline")
    html = markdown.renderer.render(tokens, markdown.options, {})
    body = Markup(FORMULA.sub(r'<span class="unbroken">\g<0></span>', html))  # noqa: S704 (escaped)
    data["tables"] = {name: tables[name] for name in sorted(used)}
    data["live"] = {kind: model for kind, model in live.items() if kind in shown["live"]}
    return template.render(title=title, contents=contents, body=body, **data)


def parser() -> MarkdownIt:
    """Markdown with tables, mathematics, permalinks of headings and the elements of CONTAINERS."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.use(dollarmath_plugin, renderer=mathematics, double_inline=False)
    markdown.use(anchors_plugin, max_level=3, slug_func=slug, permalink=True, permalinkSymbol="#")
    for name, start in CONTAINERS.items():
        markdown.use(container_plugin, name, render=element(start))
    return markdown


def element(start: str) -> Callable[..., str]:
    """The renderer of a container, from CONTAINERS."""
    end = f"</{start[1:-1].split()[0]}>\n"

    def draw(_self: Any, tokens: Sequence[Token], index: int, *_: Any) -> str:
        if tokens[index].nesting < 0:
            return end
        rest = tokens[index].info.strip().partition(" ")[2]
        return start.replace("{}", escapeHtml(rest.strip())) + "\n"

    return draw


def mathematics(tex: str, options: Mapping[str, Any]) -> str:
    """TeX as MathML; an equation with a \\tag has its number at the right, and an id."""
    number = TAG.search(tex)
    mathml = convert(TAG.sub("", tex), display="block" if options["display_mode"] else "inline")
    if not number:
        return mathml
    link = f'<a href="#equation-{number[1]}">({number[1]})</a>'
    return f'<div class="equation" id="equation-{number[1]}">{mathml}{link}</div>'


def embed(tokens: Sequence[Token], folder: Path) -> None:
    """Embed the images in the page, as SVG if there is one."""
    for token in tokens:
        embed(token.children or [], folder)
        if token.type == "image":
            path = folder / str(token.attrs["src"])
            vector = folder / MEDIA.name / f"{path.stem}.svg"
            if not path.is_file():
                raise UserError(f"{path} is missing: run dvc repro")
            path = vector if vector.exists() else path
            width, height = svg_size(path) if path.suffix == ".svg" else png_size(path)
            token.attrs |= {"src": data_uri(path), "width": width, "height": height}
            token.attrs["decoding"] = "async"


def png_size(path: Path) -> tuple[int, int]:
    """The width and the height of a PNG in pixels, from its header."""
    header = files.read_bytes(path)[:24]
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


def svg_size(path: Path) -> tuple[int, int]:
    """The width and the height of an SVG in CSS pixels; Matplotlib states them in points. Raises
    ValueError if it does not."""
    sizes = re.findall(r'width="([\d.]+)pt" height="([\d.]+)pt"', files.read_text(path))
    if not sizes:
        raise ValueError(f"{path} has no size in points")
    width, height = (round(float(size) * 96 / 72) for size in sizes[0])
    return width, height


def data_uri(path: Path) -> str:
    """The content of a file as a URI; SVG remains text, which is shorter than base64."""
    content = files.read_bytes(path)
    if path.suffix == ".svg":
        text = re.sub(rb"\s*\n\s*", b" ", content)
        return f"data:image/svg+xml,{quote(text, safe=' ;/?:@&=+$,!()*')}"
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def with_captions(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens, with the paragraph before a table in a fence as its caption."""
    caption: list[Token] = []
    fenced = False
    for token in tokens:
        if token.type == "container_table_open":
            fenced = True
        elif fenced and token.type != "table_open":
            caption.append(token)
            continue
        yield token
        if token.type == "table_open":
            fenced = False
            for part in caption:
                yield from CAPTION.get(part.type, [part])
            caption = []


def name_rows(tokens: Sequence[Token]) -> None:
    """Give the heads of columns and rows their scope."""
    first, in_body = False, False
    for token in tokens:
        if token.type in ("tbody_open", "tbody_close"):
            in_body = token.type == "tbody_open"
        elif token.type == "th_open":
            token.attrs["scope"] = "col"
        elif token.type == "tr_open":
            first = in_body
        elif token.type == "td_open" and first:
            token.tag, token.attrs["scope"] = "th", "row"
        elif token.type == "td_close" and first:
            token.tag, first = "th", False


def slug(text: str) -> str:
    """A heading as an id."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")

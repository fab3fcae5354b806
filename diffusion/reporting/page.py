"""The report as one self-contained HTML page."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from diffusion.runtime import files

MEDIA = "media"  # the folder of vector graphics and animations
ENLARGED = 3  # the side of a pixel of an animation
TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


def render(text: str, folder: Path, template: jinja2.Template, scores: dict[str, Any]) -> str:
    """Markdown -> HTML. folder: where relative links to images start.

    HTML in the Markdown is escaped. Raises UserError if an image is missing.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = markdown.parse(text)
    embed(tokens, folder)
    contents = headings(tokens)
    title = next(token.content for token in tokens if token.type == "inline")
    body = Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 (escaped above)
    return template.render(title=title, contents=contents, body=body, scores=scores)


def embed(tokens: list[Token], folder: Path) -> None:
    """Embed the images in the page: as SVG if there is one, and animations enlarged."""
    for token in tokens:
        embed(token.children or [], folder)
        if token.type == "image":
            path = folder / str(token.attrs["src"])
            vector = folder / MEDIA / f"{path.stem}.svg"
            if vector.exists():
                path, kind = vector, "lines"
            elif path.parent.name == MEDIA:
                kind = "film"
                token.attrs["width"] = ENLARGED * png_width(path)
            else:
                kind = "pixels"
            token.attrs["src"] = data_uri(path)
            token.attrs["class"] = kind


def png_width(path: Path) -> int:
    """The width of a PNG in pixels, from its header."""
    return int.from_bytes(files.read_bytes(path)[16:20], "big")


def data_uri(path: Path) -> str:
    """The content of a file as a URI."""
    content = base64.b64encode(files.read_bytes(path)).decode()
    return f"data:{TYPES[path.suffix]};base64,{content}"


def headings(tokens: list[Token]) -> list[dict[str, str]]:
    """Give each second-level heading an id. Returns them for a table of contents."""
    entries = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag == "h2":
            opening.attrs["id"] = slug(inline.content)
            entries.append({"id": slug(inline.content), "title": inline.content})
    return entries


def slug(text: str) -> str:
    """A heading as an id."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")

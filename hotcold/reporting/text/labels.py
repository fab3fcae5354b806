"""Numbers of figures and tables, references to them, and citations, in two renderings.

As in LaTeX, the first rendering finds the numbers, so that in the second one a reference may come
before what it refers to, or be in the other document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase

from pybtex.backends.markdown import Backend
from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.exceptions import PybtexError
from pybtex.style.formatting.unsrt import Style

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError

BIBLIOGRAPHY = paths.REPORT / "references.bib"
ARTICLE, SUPPLEMENT = DOCUMENTS = ("report", "supplement")  # the names of templates and of files
UNKNOWN = "?"  # the number of what the first rendering has not yet met
Label = tuple[str, str]  # a document, and `figure loss`


class Labels:
    """bibliography: the path of a BibTeX file. suffix: of the files of the documents."""

    def __init__(self, bibliography: Path, suffix: str = "md") -> None:
        self.bibliography, self.entries = bibliography, read_bibliography(bibliography)
        self.suffix, self.document = suffix, ARTICLE
        self.numbers: Mapping[Label, str] = {}  # of the last rendering
        self.cited: set[str] = set()  # by the document
        self.placed: dict[Label, str] = {}
        self.rendering = 0

    def start(self) -> None:
        """Start a rendering of all documents."""
        self.numbers, self.placed = self.placed, {}
        self.rendering += 1

    def open(self, document: str) -> None:
        """Start a document."""
        self.document, self.cited = document, set()

    def place(self, kind: str, keys: Sequence[str], number: str = "") -> str:
        """The number of a figure or table: the published one, or else the next of A, B, ... in the
        article and of S1, S2, ... in the supplement.

        kind: `figure` or `table`. keys: of a table one, of a figure one for each picture.
        Raises ValueError if a key or the number is placed already.
        """
        here = {
            label: n for (document, label), n in self.placed.items() if document == self.document
        }
        taken = {n for label, n in here.items() if label.startswith(f"{kind} ")}
        if not number and self.document == ARTICLE:
            number = ascii_uppercase[len(taken)]
        elif not number:
            number = f"S{sum(n[0] == 'S' for n in taken) + 1}"
        labels = [f"{kind} {key}" for key in keys]
        if number in taken or any(label in here for label in labels):
            raise ValueError(f"{labels} (number {number}) is placed twice")
        self.placed |= {(self.document, label): number for label in labels}
        return number

    def ref(self, kind: str, key: str, document: str = "") -> str:
        """A link to a figure or table, of this document if it is there. Raises KeyError if the last
        rendering has not placed it."""
        if self.rendering == 1:
            return UNKNOWN
        label = f"{kind} {key}"
        if not document:
            document = next(
                (d for d in (self.document, *DOCUMENTS) if (d, label) in self.numbers), ""
            )
        number = self.numbers[document, label]
        return f"[{kind} {number}]({self.to(document)}#{anchor(kind, number)})"

    def to(self, document: str) -> str:
        """The start of a link to a document: empty within it."""
        return "" if document == self.document else f"{document}.{self.suffix}"

    def has(self, kind: str, key: str) -> bool:
        """Whether this document had this figure or table before this place."""
        return (self.document, f"{kind} {key}") in self.placed

    def in_article(self, pictures: Sequence[str]) -> str:
        """A link to the figure of exactly these pictures that the article has; else empty."""
        number = self.placed.get((ARTICLE, f"figure {pictures[0]}"))
        same = {
            label
            for (document, label), n in self.placed.items()
            if (document, n) == (ARTICLE, number) and label.startswith("figure ")
        }
        link = same == {f"figure {key}" for key in pictures}
        return self.ref("figure", pictures[0], ARTICLE) if link else ""

    def cite(self, *keys: str) -> str:
        """Authors and year of works as links. Raises UserError if the bibliography lacks one."""
        if absent := [key for key in keys if key not in self.entries.entries]:
            raise UserError(f"{self.bibliography} lacks the entry {absent[0]}, which is cited")
        self.cited.update(keys)
        return "; ".join(f"[{short(self.entries.entries[key])}](#{key})" for key in keys)

    def references(self) -> list[tuple[str, str]]:
        """(key, Markdown) of the works that the last rendering cited, in the order of authors."""
        entries = [self.entries.entries[key] for key in self.cited]
        entries.sort(key=lambda entry: (short(entry).lower(), entry.key))
        backend, style = Backend(), Style(abbreviate_names=True)
        return [
            (work.key, " ".join(work.text.render(backend).split()))
            for work in style.format_entries(entries)
        ]


def read_bibliography(path: Path) -> BibliographyData:
    """The entries of a BibTeX file. Raises UserError, with the fault that pybtex names, if it is
    not one."""
    try:
        return parse_file(path, "bibtex", encoding="utf-8")
    except PybtexError as error:
        raise UserError(f"{path}: {error}") from None


def anchor(kind: str, number: str) -> str:
    """The id of a figure or table."""
    return f"{kind}-{number.lower()}"


def short(entry: Entry) -> str:
    """Authors and year: `Ho et al. 2020`, `Song and Wu 2021`, `Dillmann 2023`."""
    parts = [person.rich_last_names for person in entry.persons["author"]]  # without TeX
    surnames = [" ".join(map(str, part)) for part in parts]
    authors = f"{surnames[0]} et al." if len(surnames) > 2 else " and ".join(surnames)
    return f"{authors} {entry.fields['year']}"

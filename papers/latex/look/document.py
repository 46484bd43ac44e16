"""The document around a paper's text: its class, packages and preamble, in the default look or in a venue's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pylatex
from pylatex import Command, NoEscape, Package

from nightlab.papers.audit.finding import Finding
from nightlab.papers.latex.engine import Engine, failing
from nightlab.papers.latex.escape import ascii_only
from nightlab.papers.latex.look.preamble import BST, PREAMBLE, VENUE
from nightlab.papers.latex.look.venue import Venue
from nightlab.papers.latex.texlog import first_error

GEOMETRY = ("a4paper", "hmargin=26mm", "top=25mm", "bottom=27mm", "footskip=12mm")
NEEDED = ("amsmath", "graphicx", "xcolor", "array", "tabularx", "longtable", "hyperref")
STYLE = "venue-style"  # the kind of a finding: a venue's look could not be had
_TRIAL = r"\title{T}\author{A}\date{}\maketitle\begin{abstract}A.\end{abstract}\section{S}Words."


def usable(venue: Venue, folder: Path, engine: Engine) -> tuple[Venue, tuple[Finding, ...]]:
    """The venue as the engine can set it, tried on a few words in `folder`: without its look where it cannot."""
    venue.lay_out(folder)
    trial = document({}, venue)
    trial.append(NoEscape(_TRIAL))
    log = failing(trial.dumps(), folder, engine)
    if not log:
        return venue, ()
    stop = first_error(log)
    return plain(venue, engine, stop.what if stop else log.strip()[-200:])


def plain(venue: Venue, engine: Engine, why: str) -> tuple[Venue, tuple[Finding, ...]]:
    """The venue without its look, and a word on that."""
    found = "" if engine.rich else "; a full TeX Live may have it (apt-get install texlive-latex-extra)"
    text = f"{engine.name} cannot set the style {venue.name}: {why}{found}. The paper has the default style instead"
    return replace(venue, styled=False), (Finding(STYLE, "paper.pdf", text, "warning"),)


def document(about: Mapping[str, str], venue: Venue | None) -> pylatex.Document:
    """An empty one. about: what the PDF says of itself, as hyperref's keys. venue: None for the default look."""
    made = _styled(venue) if venue else _default()
    said = ",".join(f"{key}={{{ascii_only(text)}}}" for key, text in about.items())
    made.preamble.append(Command("hypersetup", NoEscape(said)))
    for name in NEEDED:
        made.packages.append(Package(name))
    return made


def _default() -> pylatex.Document:
    made = pylatex.Document(
        document_options=["10pt", "a4paper"], geometry_options=list(GEOMETRY), page_numbers=False, indent=True
    )
    made.append(Command("pagestyle", "plain"))  # page_numbers=True would need the lastpage package
    made.preamble.append(NoEscape(PREAMBLE))
    return made


def _styled(venue: Venue) -> pylatex.Document:
    made = pylatex.Document(
        documentclass=NoEscape(venue.cls),
        document_options=list(venue.options),
        lmodern=False,
        page_numbers=True,
        indent=True,
    )
    made.packages.clear()
    for name, options in (("fontenc", "T1"), ("inputenc", "utf8"), ("lmodern", None), ("textcomp", None)):
        made.packages.append(Package(name, options=options))  # the letters, where the style brings none
    for style in venue.styles:
        own = (venue.folder / f"{style}.sty").is_file()
        made.packages.append(
            Package(NoEscape(style), options=list(venue.style_options) if own and venue.style_options else None)
        )
    bst = BST.replace("STYLE", venue.bst) if venue.bst else ""
    made.preamble.append(NoEscape(VENUE + bst + venue.preamble))
    return made

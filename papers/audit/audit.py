"""The mechanical audit: what a machine can see to be wrong, before any reviewer reads."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nightlab.experiments.numbers import plural
from nightlab.experiments.records import Fact
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.finding import Finding, Severity
from nightlab.papers.latex.engine import Compiled
from nightlab.papers.latex.escape import foreign
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.checking import check
from nightlab.papers.manuscript.manuscript import Manuscript, Passage, Section, keys_cited, passages
from nightlab.papers.manuscript.markup import Text

__all__ = ["REQUIRED", "Finding", "Severity", "audit"]

REQUIRED = ("introduction", "related work", "method", "result", "limitation", "conclusion")
MIN_PAGES = 5

PLACEHOLDER = re.compile(
    r"\b(?:TODO|TBD|FIXME|XXX+|lorem ipsum|lorem|please fill|fill in|to be written|placeholder|citation needed)\b"
    r"|\?\?|<insert[^>]*>|\b(?:conclusions?|results?|abstract|text) (?:goes )?here\b",
    re.IGNORECASE,
)
_BEGINNING = b"%PDF-"
_QUOTED = 60  # characters of a word
_SHORT = 25  # words; a section of fewer says nothing


def audit(
    manuscript: Manuscript,
    facts: Mapping[str, Fact],
    references: Sequence[Reference],
    folder: Path,
    compiled: Compiled | None = None,
    *,
    names: Collection[str] = (),
    required: Sequence[str] = REQUIRED,
    min_pages: int = MIN_PAGES,
) -> list[Finding]:
    """Everything that is wrong with a manuscript, its figures and the PDF made of it.

    folder: where the figures are. names: as for `check`. required: what the headings must name. compiled: None
    where the manuscript has not been compiled yet.
    """
    found = check(manuscript, facts, references, names)
    found += _placeholders(manuscript)
    found += _structure(manuscript, required)
    found += _letters(manuscript, references)
    found += _unverified(manuscript, references)
    found += _figures(manuscript, folder)
    if compiled:
        found += _pdf(compiled, min_pages)
    return list(dict.fromkeys(found))


def names_of(template: Template, metrics: Iterable[str] = ()) -> list[str]:
    """The phrases of a template that may hold digits: its names, choices and its author's texts, which are quoted.

    metrics: further ones that its evaluator gave.
    """
    title, description = template.spec.template.title, template.spec.template.description
    data, reference, published = template.spec.data, template.spec.reference, template.spec.published
    told = [description, template.spec.template.method]
    told += [data.name, data.second_name, " ".join(data.told)] if data else []
    told += [reference.name if reference else "", published.metric if published else ""]
    told += [part.says for i in template.ideas for part in i.parts]
    told += [text for i in template.ideas for text in (i.title, i.question, i.hypothesis, i.expected_effect, i.risks)]
    forms = [form for text in told if text for form in dict.fromkeys((text, text.replace("_", " ")))]
    texts = [" ".join(form.split()).rstrip(".") for form in forms]
    knobs = [k.name for k in template.knobs]
    choices = [c for k in template.knobs for c in k.choices if isinstance(c, str)]
    measured = [template.metric, template.metric_label, *(c.metric for c in template.spec.constraint), *metrics]
    names = [*measured, *template.strategies, *knobs, *choices]
    return [title, *texts, *names, *(name.replace("_", " ") for name in names if "_" in name)]


def _placeholders(manuscript: Manuscript) -> Iterator[Finding]:
    for passage in passages(manuscript):
        for span in passage.spans():
            if isinstance(span, Text) and (m := PLACEHOLDER.search(span.text)):
                yield Finding("placeholder", passage.where, f"{m[0]!r} stands for something that is missing")


def _structure(manuscript: Manuscript, required: Sequence[str]) -> Iterator[Finding]:
    headings = [Passage("heading", s.heading).printed.casefold() for s in manuscript.sections]
    for name in required:
        if not any(name in h for h in headings):
            yield Finding("missing-section", "manuscript", f"no section's heading names {name!r}")
    if not manuscript.title.strip():
        yield Finding("missing-section", "title", "the paper has no title")
    for section in (Section("abstract", "Abstract", manuscript.abstract), *manuscript.sections):
        if len(Passage("body", section.body, block=True).printed.split()) < _SHORT:
            where = section.key if section.key == "abstract" else f"section:{section.key}"
            yield Finding("thin-section", where, f"{section.heading!r} has fewer than {_SHORT} words", "warning")


def _letters(manuscript: Manuscript, references: Sequence[Reference]) -> Iterator[Finding]:
    """What is not printed in its own letters, where it stands first."""
    cited = keys_cited(manuscript)
    sources = [(f"reference:{r.key}", " ".join((*r.authors, r.title, r.venue))) for r in references if r.key in cited]
    told: set[str] = set()
    for where, text in [*((p.where, p.printed) for p in passages(manuscript)), *sources]:
        if new := {word: spelt for word, spelt in foreign(text).items() if word not in told}:
            told.update(new)
            shown = "; ".join(f"{word[:_QUOTED]} as {spelt[:_QUOTED]}" for word, spelt in new.items())
            text = f"the paper's fonts do not have all letters, so that it prints {shown}"
            yield Finding("letters", where, text, "warning")


def _unverified(manuscript: Manuscript, references: Sequence[Reference]) -> Iterator[Finding]:
    cited = keys_cited(manuscript)
    for r in references:
        if r.key in cited and not r.identified:
            text = f"{r.title!r} ({r.key}) has neither a DOI nor an arXiv id, so the paper calls it unverified"
            yield Finding("unverified-reference", "references", text, "warning")


def _figures(manuscript: Manuscript, folder: Path) -> Iterator[Finding]:
    for figure in manuscript.figures:
        path = folder / figure.file
        if not path.is_file() or path.is_symlink():
            yield Finding("missing-file", f"figure:{figure.key}", f"there is no file {figure.file}")
        elif not figure.drawn:
            yield Finding("pixels", f"figure:{figure.key}", f"{figure.file} is of pixels, which our code did not draw")
        elif not _is_pdf(path):
            yield Finding("missing-file", f"figure:{figure.key}", f"{figure.file} is no PDF")


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8).startswith(_BEGINNING)


def _pdf(compiled: Compiled, min_pages: int) -> Iterator[Finding]:
    yield from compiled.findings
    if compiled.pdf is None or not compiled.pdf.is_file() or not _is_pdf(compiled.pdf):
        yield Finding("no-pdf", "paper.pdf", compiled.error or "there is no PDF")
    elif compiled.pages < min_pages:
        text = f"the paper has {plural(compiled.pages, 'page')}, and {min_pages} are expected"
        yield Finding("too-short", "paper.pdf", text, "warning")

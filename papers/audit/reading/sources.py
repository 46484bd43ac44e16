"""Whether a work that is cited is the one that the sentence speaks of, by the words of its record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.document import MARK, Document, Sentence
from nightlab.papers.audit.reading.likeness import content
from nightlab.papers.literature import names
from nightlab.papers.literature.literature import Reference

MARGIN = 2  # words more of another record that a sentence must have
LEAST_CITED = 10  # works, where the survey found as many
LEAST_LISTED = 6  # in the list of a paper of which no more is known
LEAST_SHARE = 0.4  # of a section on related work: sentences that cite
DATES = re.compile(r"\b(?:1[89]|20)\d\d\b")


def citations(doc: Document) -> Iterator[Finding]:
    """Citations that stand where the words are those of another work's record."""
    records = {r.key: _record(r) for r in doc.references}
    for part, sentence in doc.sentences():
        for key, words in _stretches(sentence):
            if key not in records:
                continue
            own = len(words & records[key])
            other = max((k for k in records if k != key), key=lambda k: len(words & records[k]), default=key)
            if len(words & records[other]) >= own + MARGIN:
                told = f"it cites {key!r} for what the record of {other!r} says"
                yield Finding("wrong-citation", part.where, told)


def _record(r: Reference) -> frozenset[str]:
    authors = [w for line in r.authors for w in names.parts(line)[1].split()]
    return frozenset(content(_words(" ".join((r.title, r.abstract, *authors)))))


def _stretches(s: Sentence) -> Iterator[tuple[str, frozenset[str]]]:
    """Each key that is cited alone, with the words before it, and, of a lone citation, after it."""
    marks = [m for m in MARK.finditer(s.marked) if m[1] == "c"]
    for i, m in enumerate(marks):
        keys = m[2].split(",")
        start = marks[i - 1].end() if i else 0
        end = len(s.marked) if len(marks) == 1 else m.start()
        words = frozenset(content(_words(MARK.sub(" ", s.marked[start:end]))))
        if len(keys) == 1:
            yield keys[0], words


def _words(text: str) -> Sequence[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())


def coverage(doc: Document) -> Iterator[Finding]:
    """How much of what the survey found the paper cites, and whether its related work cites at all."""
    known, cited = len(doc.references), len(doc.cited)
    if doc.of_study and cited < min(LEAST_CITED, round(0.7 * known)):
        told = "of the works that the survey found, the paper cites few or none"
        yield Finding("few-citations", "references", told, "warning")
    part = doc.section("related work", "background", "literature")
    if part and doc.of_study and known:
        claims = [s for s in part.sentences if len(s.words) > 6]
        if claims and sum(bool(s.cited) for s in claims) < LEAST_SHARE * len(claims):
            yield Finding("few-citations", part.where, "most of its sentences cite no work", "warning")
    if not doc.of_study and (doc.listed and len(doc.listed) < LEAST_LISTED):
        yield Finding("few-citations", "references", "its list of references is short", "warning")
